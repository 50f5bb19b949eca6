"""A folder of DICOM slices as one volume: ordered by their position in the patient, with the voxel of their headers.

Of words in a file none is repeated, as in `dicom`; a series is called by a digest of what is in it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.readers import dicom
from kerasmed.data.readers.dicom_values import modality, padding_of
from kerasmed.data.readers.volume_axes import Plane, Spacing, turned
from kerasmed.data.records import Array, VolumeRecord
from kerasmed.errors import DataError

MAX_SLICES = 4096
MAX_VOXELS = 1 << 28
MAX_UNEVEN = 0.1  # of the step from slice to slice
SAME_DIRECTION = 1e-3
GEOMETRY = [
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames",
    "SeriesInstanceUID", "Laterality", "ImageLaterality",
]  # fmt: skip
SIDES = {"L": True, "R": False}


@dataclass(frozen=True)
class Slices:
    """The slices of a series in the order of their positions.

    Attributes:
        paths: Of the slices.
        shape: Slices, rows and columns.
        steps_mm: (3, 3); column i is a step along axis i, in mm to the left, to the back and to the head.
        left: Whether it is of the left side of the body; None where no header says.
    """

    paths: tuple[Path, ...]
    shape: tuple[int, int, int]
    steps_mm: Array
    left: bool | None


def slices_in(folder: Path) -> list[Path]:
    """The DICOM files that lie directly in a folder, whatever they are called."""
    return sorted(path for path in folder.iterdir() if path.is_file() and dicom.is_dicom(path))


def is_series(path: Path) -> bool:
    """Whether a path is a folder with DICOM files in it."""
    return path.is_dir() and any(one.is_file() and dicom.is_dicom(one) for one in sorted(path.iterdir()))


def series_name(folder: Path) -> str:
    """What a series may be called, whose own name may be the patient's: a digest of its files."""
    digests = []
    for path in slices_in(folder):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return f"series-{hashlib.sha256(''.join(sorted(digests)).encode()).hexdigest()[:12]}"


def read_series(folder: Path, name: str, plane: Plane) -> VolumeRecord:
    """The volume of the slices in a folder, rescaled as each says, turned to `plane`.

    Raises:
        DataError: They are no volume of one series, or a slice cannot be trusted.
        MissingPackageError: pydicom is missing.
    """
    slices = open_series(folder, name)
    voxels = np.zeros(slices.shape, np.float32)
    for place, path in enumerate(slices.paths):
        voxels[place] = _values(path, name, slices.shape[1:])
    view, spacing_mm = turned(name, voxels, slices.steps_mm, plane)
    return VolumeRecord(name, view, spacing_mm, slices.left)


def spacing_of(folder: Path, name: str, plane: Plane) -> tuple[tuple[int, ...], Spacing]:
    """Shape and voxel of the volume that `read_series` would give, from the headers alone."""
    slices = open_series(folder, name)
    empty: Array = np.broadcast_to(np.zeros(1, np.uint8), slices.shape)
    view, spacing_mm = turned(name, empty, slices.steps_mm, plane)
    return view.shape, spacing_mm


def open_series(folder: Path, name: str) -> Slices:
    """The slices in a folder by their headers, held against each other.

    Raises:
        DataError: There are fewer than two or too many, they are of several series, or do not lie evenly one behind
            the other.
    """
    paths = slices_in(folder)
    if not 2 <= len(paths) <= MAX_SLICES:
        raise DataError(name, f"has {len(paths)} slices; from 2 to {MAX_SLICES:,} make a volume.")
    headers = [dicom.parse_dicom(path, name, GEOMETRY, pixels=False)[0] for path in paths]
    with dicom.told_faults(name, "has a slice without position, direction or spacing"):
        positions = np.array([[float(value) for value in header.ImagePositionPatient] for header in headers])
        told = np.array([[*map(float, one.ImageOrientationPatient), *map(float, one.PixelSpacing)] for one in headers])
        sizes = {(int(header.Rows), int(header.Columns)) for header in headers}
        frames = max(int(header.get("NumberOfFrames") or 1) for header in headers)
        series = {str(header.get("SeriesInstanceUID", "")) for header in headers}
    _require_alike(name, sizes, series, frames, told, positions)
    ((rows, columns),) = sizes
    if len(paths) * rows * columns > MAX_VOXELS:
        raise DataError(name, f"is {len(paths)} x {rows} x {columns} voxels; more than {MAX_VOXELS:,} are never read.")
    across, down, (row_mm, column_mm) = told[0, :3], told[0, 3:6], told[0, 6:]
    order, step = _stacked(name, positions, np.cross(across, down), min(row_mm, column_mm))
    return Slices(
        tuple(paths[place] for place in order), (len(paths), rows, columns),
        np.column_stack([step, down * row_mm, across * column_mm]), _side(headers),
    )  # fmt: skip


def _require_alike(
    name: str, sizes: set[tuple[int, int]], series: set[str], frames: int, told: Array, positions: Array
) -> None:
    if frames > 1:
        raise DataError(name, "has a file of several frames; series of one slice a file are read.")
    if len(series) > 1:
        raise DataError(name, f"has slices of {len(series)} series.", "Put each series into a folder of its own.")
    if told.shape[1] != 8 or positions.shape[1] != 3 or not np.isfinite(told).all() or not np.isfinite(positions).all():
        raise DataError(name, "has a slice whose position, direction or spacing is no number.")
    if len(sizes) > 1 or np.abs(told - told[0]).max() > SAME_DIRECTION:
        raise DataError(name, "has slices of several sizes, directions or spacings.")


def _stacked(name: str, positions: Array, normal: Array, pixel_mm: float) -> tuple[Array, Array]:
    """The order of slices along their normal, and the step in mm from one to the next."""
    distances = positions @ normal
    order = np.argsort(distances, kind="stable")
    steps = np.diff(positions[order], axis=0)
    gaps = np.diff(distances[order])
    gap = float(np.median(gaps))
    if gap <= 0 or gaps.min() < (1 - MAX_UNEVEN) * gap:
        raise DataError(name, "has several slices at one place.", "Keep one acquisition in a folder.")
    if gaps.max() > (1 + MAX_UNEVEN) * gap:
        raise DataError(name, f"lacks slices: one gap is {gaps.max():.2f} mm, most are {gap:.2f} mm.")
    if np.abs(steps - gaps[:, None] * normal).max() > pixel_mm:
        raise DataError(name, "has slices that are shifted against each other, as by a tilted gantry.")
    return order, normal * gap


def _side(headers: list[Any]) -> bool | None:
    said = {str(header.get(tag) or "").upper() for header in headers for tag in ("Laterality", "ImageLaterality")}
    sides = said & set(SIDES)
    return SIDES[sides.pop()] if len(sides) == 1 else None


def _values(path: Path, name: str, size: tuple[int, ...]) -> Array:
    """Values (rows, columns) of a slice in the unit of its rescale, float64; where nothing was measured, the least."""
    dataset, syntax = dicom.read_dataset(path, name)
    dicom.check_pixels(dataset, syntax, name)
    if dataset.PhotometricInterpretation != "MONOCHROME2":
        raise DataError(name, "has a slice that is not MONOCHROME2.")
    stored = dicom.stored_pixels(dataset, 0, name)
    if stored.shape != size:
        raise DataError(name, "has a slice whose pixels are of another size than its header says.")
    padding = padding_of(dataset, stored)
    if not dataset.PixelRepresentation:
        stored = stored & np.array(2 ** int(dataset.BitsStored) - 1, stored.dtype)
    with dicom.told_faults(name, "its rescale is damaged"):
        values, _, _ = modality(dataset, stored, (0, 0), name)
    if padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    return values
