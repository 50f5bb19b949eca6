"""NIfTI volumes (.nii, .nii.gz): the header is held against the file before a voxel of it is read.

nibabel says what a header means. It is given the header alone: extensions, descriptions and names in it stay unread.
"""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from kerasmed.data.readers.volume_axes import Plane, Spacing, turned
from kerasmed.data.records import Array, VolumeRecord
from kerasmed.errors import DataError, MissingPackageError

SUFFIXES = (".nii", ".nii.gz")
# Bytes of a header to the place and the bytes of the mark of a file that holds header and voxels both.
HEADERS = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\x1a\n")}
MAX_OFFSET = 1 << 24
MAX_VOXELS = 1 << 30
MAX_UNPACKED_BYTES = 1 << 31
MAX_RATIO = 1032  # of deflate: no file unpacks to more
KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
MM = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
PORTION = 1 << 22
FAULTS = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, ArithmeticError)


@dataclass(frozen=True)
class NiftiHeader:
    """What a header says of the voxels behind it.

    Attributes:
        shape: Of the three axes as stored, the first running fastest.
        dtype: Of a voxel.
        offset: Place of the first voxel, in bytes.
        scale: Slope and intercept that voxels are scaled with; None where they are as stored.
        steps_mm: (3, 3); column i is a step along axis i, in mm to the left, to the back and to the head.
        oriented: Whether the file says which way it lies.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    offset: int
    scale: tuple[float, float] | None
    steps_mm: Array
    oriented: bool

    @property
    def num_bytes(self) -> int:
        """Of all voxels."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_nifti(path: Path, name: str, plane: Plane) -> VolumeRecord:
    """The volume of a file, turned to `plane`; of a plain .nii mapped, not loaded, where it needs no scaling.

    Raises:
        DataError: It is no such file, or holds more or less than its header declares.
        MissingPackageError: nibabel is missing.
    """
    header = read_header(path, name)
    stored = _unpacked(path, name, header) if _is_packed(path) else _mapped(path, header)
    view, spacing_mm = turned(name, stored, header.steps_mm, plane)
    if header.scale is not None:
        slope, intercept = header.scale
        view = view.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    notes = () if header.oriented else ("the file does not say which way it lies",)
    return VolumeRecord(name, view, spacing_mm, notes=notes)


def spacing_of(path: Path, name: str, plane: Plane) -> tuple[tuple[int, ...], Spacing]:
    """Shape and voxel of the volume that `read_nifti` would give, from the header alone."""
    header = read_header(path, name)
    empty: Array = np.broadcast_to(np.zeros(1, np.uint8), header.shape)
    view, spacing_mm = turned(name, empty, header.steps_mm, plane)
    return view.shape, spacing_mm


def read_header(path: Path, name: str) -> NiftiHeader:
    """The header, held against the size of the file.

    Raises:
        DataError: It is no NIfTI file of one volume of numbers, or not as many as it declares.
        MissingPackageError: nibabel is missing.
    """
    nibabel = _nibabel()
    if not path.is_file():
        raise DataError(name, "is missing or no plain file.", "Check the folder of the dataset.")
    try:
        with _open(path) as file:
            content = file.read(max(HEADERS))
        size = next(
            size for size in HEADERS if size in (int.from_bytes(content[:4], "little"), int.from_bytes(content[:4]))
        )
        kind = nibabel.Nifti1Header if size == min(HEADERS) else nibabel.Nifti2Header
        raw = kind(content[:size], check=False)
        with np.errstate(all="ignore"):
            header = _told(raw)
    except (*FAULTS, StopIteration, nibabel.spatialimages.HeaderDataError) as error:
        raise DataError(name, f"is no NIfTI file ({type(error).__name__}).") from error
    place, mark = HEADERS[size]
    if content[place : place + len(mark)] != mark:
        raise DataError(name, "is a NIfTI header without its voxels.", "Write header and voxels into one file.")
    _check(path, name, raw, header)
    return header


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise MissingPackageError("nibabel", "imaging", "reading NIfTI files") from error
    return nibabel


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if _is_packed(path) else path.open("rb")


def _told(raw: Any) -> NiftiHeader:
    shape = tuple(int(edge) for edge in raw.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    scaled = math.isfinite(slope) and slope != 0 and math.isfinite(intercept) and (slope, intercept) != (1.0, 0.0)
    # nibabel's axes go to the right, to the front and to the head.
    steps = np.diag([-1.0, -1.0, 1.0]) @ raw.get_best_affine()[:3, :3] * MM[raw.get_xyzt_units()[0]]
    return NiftiHeader(
        cast(tuple[int, int, int], shape), raw.get_data_dtype(), int(raw["vox_offset"]),
        (slope, intercept) if scaled else None, steps, bool(raw["sform_code"] > 0 or raw["qform_code"] > 0),
    )  # fmt: skip


def _check(path: Path, name: str, raw: Any, header: NiftiHeader) -> None:
    if len(header.shape) != 3 or min(header.shape) < 1 or header.dtype.newbyteorder("=").name not in KINDS:
        raise DataError(name, f"is {header.dtype} {header.shape}.", "One volume of numbers (x, y, z) is read.")
    if math.prod(header.shape) > MAX_VOXELS:
        raise DataError(name, f"declares {header.shape}; more than {MAX_VOXELS:,} voxels are never read.")
    if not raw.sizeof_hdr + 4 <= header.offset <= MAX_OFFSET:
        raise DataError(name, f"declares voxels from byte {header.offset:,} on.", "Write it again.")
    size, wanted = path.stat().st_size, header.offset + header.num_bytes
    fits = wanted <= min(MAX_UNPACKED_BYTES, MAX_RATIO * size) if _is_packed(path) else wanted == size
    if not fits:
        raise DataError(
            name, f"declares {header.shape} of {header.dtype} but is {size:,} bytes long.", "Copy or download it again."
        )


def _mapped(path: Path, header: NiftiHeader) -> Array:
    return np.memmap(path, header.dtype, "r", header.offset, header.shape, order="F")


def _unpacked(path: Path, name: str, header: NiftiHeader) -> Array:
    """The voxels of a packed file; what is unpacked never outgrows what the header declares."""
    wanted, content = header.offset + header.num_bytes, bytearray()
    try:
        with _open(path) as file:
            while portion := file.read(min(PORTION, wanted + 1 - len(content))):
                content += portion
    except FAULTS as error:
        raise DataError(name, f"is damaged ({type(error).__name__}).", "Copy or download it again.") from error
    if len(content) != wanted:
        more = "more than" if len(content) > wanted else f"{len(content):,} of"
        raise DataError(name, f"unpacks to {more} the {wanted:,} bytes that it declares.", "Copy or download it again.")
    voxels: Array = np.frombuffer(content, header.dtype, offset=header.offset).reshape(header.shape, order="F")
    return voxels
