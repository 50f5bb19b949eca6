"""DICOM files: pixels and what it takes to show them; of the patient only whether two files are of the same.

Nothing that a file says in words is ever repeated: an error names the record as its caller does, and a fault inside
pydicom by its type, since messages of pydicom may quote values of the file.
"""

import hashlib
import logging
import secrets
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from kerasmed.data.readers.codestream import codestream_size
from kerasmed.data.readers.dicom_values import to_display
from kerasmed.data.readers.grey import refuse_flat, refuse_large, to_grey
from kerasmed.data.readers.picture import read_bytes
from kerasmed.data.records import Array, ImageRecord
from kerasmed.errors import DataError, MissingPackageError

SUFFIXES = (".dcm",)
PREAMBLE_BYTES, MAGIC = 128, b"DICM"
MAX_FRAMES = 2000
MAX_DECODED_BYTES = 512 * 1024**2
# Deflated files (1.2.840.10008.1.2.1.99) are not among them: a megabyte of one can unpack to gigabytes.
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
RLE = "1.2.840.10008.1.2.5"
WITH_CODESTREAM = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)}
JPEG_2000 = {f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203)}
LOSSY_JPEG = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51)}
# All that is read; patient, physician, hospital, dates and unique ids stay in the file.
TAGS = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "RescaleIntercept",
    "RescaleSlope", "ModalityLUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence",
    "BurnedInAnnotation", "SharedFunctionalGroupsSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "PixelData",
]  # fmt: skip
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
FAULTS = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RecursionError,
    RuntimeError, TypeError, ValueError, struct.error,
)  # fmt: skip
# Lives as long as this process: what it makes of a PatientID tells two people apart and is never written.
_KEY = secrets.token_bytes(32)


def read_dicom(path: Path, name: str, window: str = "file") -> tuple[ImageRecord, ...]:
    """Read every frame of a DICOM file.

    Rescale or modality LUT, then window or VOI LUT, then MONOCHROME1 turned over (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2).

    Args:
        path: The file.
        name: What the record may be called; frames of several are called `name:1`, `name:2` and so on.
        window: "file" shows what the file's window or VOI LUT shows; "full" the whole range of stored values.

    Returns:
        One record for each frame: uint8 where values have at most 8 bits, else uint16.

    Raises:
        DataError: It is no DICOM picture that can be trusted; the reason says which.
        MissingPackageError: pydicom is missing.
    """
    dataset, syntax = read_dataset(path, name)
    num_frames = check_pixels(dataset, syntax, name)
    return tuple(
        _frame(dataset, place, name if num_frames == 1 else f"{name}:{place + 1}", window)
        for place in range(num_frames)
    )


@contextmanager
def told_faults(name: str, what: str) -> Iterator[None]:
    """Make one `DataError` of every fault that pydicom and its decoders may raise within the block."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    try:
        yield
    except (*FAULTS, BytesLengthException, InvalidDicomError) as error:
        raise DataError(name, f"{what} ({type(error).__name__}).") from error


def patient_key(path: Path, name: str) -> bytes | None:
    """What two files of this process share if their PatientID is the same; None where a file has none.

    Raises:
        DataError: It is no DICOM file.
    """
    dataset = parse_dicom(path, name, ["PatientID"], pixels=False)[0]
    with told_faults(name, "has a damaged PatientID"):
        patient = str(dataset.get("PatientID") or "").strip()
    return hashlib.blake2b(patient.encode(), key=_KEY, digest_size=16).digest() if patient else None


def is_dicom(path: Path) -> bool:
    """Whether a file has the mark of DICOM behind its preamble."""
    with path.open("rb") as file:
        return file.read(PREAMBLE_BYTES + len(MAGIC))[PREAMBLE_BYTES:] == MAGIC


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingPackageError("pydicom", "imaging", "reading DICOM files") from error
    # Its warnings and its log quote values.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)|kerasmed\.data\.readers\.dicom(_\w+)?$")
    return pydicom


def read_dataset(path: Path, name: str) -> tuple[Any, str]:
    """The attributes `TAGS` of a file with pixels, and its transfer syntax; `DataError` where it is none."""
    dataset, syntax = parse_dicom(path, name, TAGS, pixels=True)
    if "PixelData" not in dataset:
        raise DataError(name, "holds no integer pixels.")
    if "SharedFunctionalGroupsSequence" in dataset:
        raise DataError(name, "is an enhanced multi-frame file, whose window and rescale cannot be read yet.")
    return dataset, syntax


def parse_dicom(path: Path, name: str, tags: list[str], pixels: bool) -> tuple[Any, str]:
    """The attributes `tags` of a file, and its transfer syntax.

    Raises:
        DataError: It is no DICOM file of a syntax that is read.
        MissingPackageError: pydicom is missing.
    """
    pydicom, content = _pydicom(), read_bytes(path, name)
    if content[PREAMBLE_BYTES : PREAMBLE_BYTES + len(MAGIC)] != MAGIC:
        raise DataError(name, "is no DICOM file: the mark DICM is missing.")
    with told_faults(name, "is a damaged DICOM file"):
        # Before anything else is read, since pydicom unpacks a deflated file as it opens it.
        meta = pydicom.filereader.read_file_meta_info(path)
        syntax = str(meta.get("TransferSyntaxUID", ""))
    if syntax not in NATIVE | WITH_CODESTREAM | {RLE}:
        known = syntax if syntax.replace(".", "").isdigit() and len(syntax) <= 64 else "no transfer syntax"
        raise DataError(name, f"is stored in a way that is not read ({known}).", "Convert it, for instance by dcmconv.")
    with told_faults(name, "is a damaged DICOM file"):
        dataset = pydicom.dcmread(BytesIO(content), specific_tags=tags, stop_before_pixels=not pixels)
    return dataset, syntax


def check_pixels(dataset: Any, syntax: str, name: str) -> int:
    """The number of frames, once everything that a decoder will believe has been held against what is there.

    Raises:
        DataError: What the file declares is not what it holds, or more than is ever read.
    """
    with told_faults(name, "lacks what pixels are read by"):
        width, height = int(dataset.Columns), int(dataset.Rows)
        frames = int(dataset.get("NumberOfFrames") or 1)
        allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
        samples, shown = int(dataset.SamplesPerPixel), str(dataset.PhotometricInterpretation)
        high, num_bytes = int(dataset.HighBit), len(dataset.PixelData)
    refuse_large(name, width, height)
    _refuse_depth(name, allocated, stored, high)
    if (samples, shown) not in {(1, "MONOCHROME1"), (1, "MONOCHROME2"), *((3, colour) for colour in COLOURS)}:
        raise DataError(name, "is neither MONOCHROME1, MONOCHROME2, RGB nor YBR; radiographs are grey.")
    size = width * height * samples * allocated // 8
    if not 1 <= frames <= MAX_FRAMES or frames * size > MAX_DECODED_BYTES:
        raise DataError(name, f"declares {frames} frames, {frames * size:,} bytes; at most {MAX_DECODED_BYTES:,}.")
    if syntax in NATIVE and shown != "YBR_FULL_422" and not 0 <= num_bytes - frames * size <= 1:
        raise DataError(name, f"holds {num_bytes:,} bytes of pixels instead of {frames * size:,}.")
    if syntax in WITH_CODESTREAM:
        _check_codestreams(dataset, frames, (width, height), name)
    return frames


def _refuse_depth(name: str, allocated: int, stored: int, high: int) -> None:
    if allocated not in (8, 16) or not 2 <= stored <= allocated or high != stored - 1:
        raise DataError(name, f"has {stored} of {allocated} bits a pixel, bit {high} highest; 8 to 16 are read.")


def _check_codestreams(dataset: Any, frames: int, size: tuple[int, int], name: str) -> None:
    from pydicom.encaps import generate_frames

    with told_faults(name, "holds compressed pixels that are damaged"):
        sizes = [codestream_size(stream) for stream in generate_frames(dataset.PixelData, number_of_frames=frames)]
    if len(sizes) != frames:
        raise DataError(name, f"declares {frames} frames but holds {len(sizes)}.")
    wrong = [found for found in sizes if found != size]
    if wrong:
        said = f"{wrong[0][0]} x {wrong[0][1]}" if wrong[0] else "of unknown size"
        raise DataError(name, f"is {size[0]} x {size[1]} pixels large, but its compressed picture is {said}.")


def _decoder(dataset: Any) -> str:
    """The plugin of pydicom that decodes a file: always the same, since two may round differently; "" where none does.

    gdcm reads everything but takes ten times as long for what others read.
    """
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax in NATIVE:
        return ""
    if syntax == RLE or syntax in JPEG_2000:
        return "pylibjpeg"
    return "pillow" if syntax in LOSSY_JPEG and int(dataset.BitsStored) == 8 else "gdcm"


def stored_pixels(dataset: Any, place: int, name: str) -> Array:
    """A frame as stored: (height, width), or (height, width, 3) where it has colours."""
    from pydicom.pixels.utils import pixel_array

    with told_faults(name, "its pixels cannot be decoded"):
        stored: Array = pixel_array(dataset, index=place, decoding_plugin=_decoder(dataset))
    return stored


def _frame(dataset: Any, place: int, name: str, window: str) -> ImageRecord:
    stored = stored_pixels(dataset, place, name)
    notes: tuple[str, ...] = ()
    if stored.ndim == 3:
        stored, notes = to_grey(name, stored, 2 ** int(dataset.BitsStored) - 1)
    with told_faults(name, "its window or rescale is damaged"):
        pixels, said = to_display(dataset, stored, name, window)
    refuse_flat(name, pixels)
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        said += ("the file says that text is burned into its pixels",)
    return ImageRecord(
        name, pixels, 8 * pixels.itemsize, str(dataset.PhotometricInterpretation), int(dataset.BitsStored),
        (int(dataset.Columns), int(dataset.Rows)), notes + said,
    )  # fmt: skip
