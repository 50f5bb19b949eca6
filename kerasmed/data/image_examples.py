"""Pictures as a model sees them: training and prediction make them here, and nowhere else."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import ImageExamples
from kerasmed.data.image_hash import picture_hash
from kerasmed.data.image_quality import check_image, image_contract
from kerasmed.data.readers import dicom, picture
from kerasmed.data.records import Array, Examples, ImageRecord
from kerasmed.data.resize import fit_into, to_depth
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, ImageContract, TargetSpec

KIND = "images"
SUFFIXES = (*picture.SUFFIXES, *dicom.SUFFIXES)
DTYPES = {8: "uint8", 16: "uint16"}
# A JPEG may be decoded at a fraction of its size that is still so many times the size of an example.
DECODE_MARGIN = 2


def image_spec(settings: ImageExamples, classes: tuple[str, ...]) -> ExampleSpec:
    """One grey picture from 0 (black) to 1, and the class asked of it."""
    shape = (settings.height, settings.width, 1)
    image = ArraySpec(shape, DTYPES[settings.bits], 1 / (2**settings.bits - 1), "1", channels=("grey",))
    return ExampleSpec(
        {"image": image},
        {"label": TargetSpec("single_label", classes)},
        {"kind": KIND, **settings.model_dump(mode="json")},
        image_contract=image_contract(settings),
    )


def read_images(
    path: Path, name: str, settings: ImageExamples, contract: ImageContract | None = None
) -> tuple[ImageRecord, ...]:
    """The pictures of a file: one, or one for each frame of a DICOM file.

    Args:
        path: A PNG, JPEG or DICOM file, told apart by what is in it.
        name: What it may be called.
        settings: How large it will be, and the window of DICOM.
        contract: What each picture must be like; that of the settings where there is none.

    Raises:
        DataError: It cannot be read, or a picture of it breaks the contract.
    """
    records = _read(path, name, settings)
    for record in records:
        check_image(record, contract or image_contract(settings))
    return records


def _read(path: Path, name: str, settings: ImageExamples) -> tuple[ImageRecord, ...]:
    try:
        as_dicom = path.suffix.lower() in dicom.SUFFIXES or dicom.is_dicom(path)
    except OSError as error:
        raise DataError(name, f"cannot be read: {error.strerror}.") from error
    if as_dicom:
        return dicom.read_dicom(path, name, settings.window)
    at_least = (DECODE_MARGIN * settings.width, DECODE_MARGIN * settings.height)
    return (picture.read_picture(path, name, at_least),)


def pixels_of(records: Sequence[ImageRecord], settings: ImageExamples) -> Array:
    """uint8 or uint16 (n, height, width, 1): the input "image" of `image_spec`."""
    images = [
        to_depth(fit_into(record.pixels, settings.height, settings.width, settings.resize), settings.bits)
        for record in records
    ]
    return np.stack(images)[..., None]


def examples_of(
    records: Sequence[ImageRecord], settings: ImageExamples, label: int, columns: dict[str, str]
) -> Examples:
    """The examples of one file.

    Args:
        records: Its pictures.
        settings: How they become examples.
        label: Position of its class.
        columns: Columns of the index that are alike for all of them: record, patient, ...

    Returns:
        The input of `image_spec` with "label"; besides `columns` the index has "id", "hash" (uint64 (n, 4), see
        `picture_hash`), "mode", "source_bits" and "notes".
    """
    images = pixels_of(records, settings)
    index = {
        "id": np.array([record.record_id for record in records], np.str_),
        "hash": np.stack([picture_hash(record.pixels) for record in records]),
        "mode": np.array([record.mode for record in records], np.str_),
        "source_bits": np.array([record.stored_bits for record in records], np.int8),
        "notes": np.array(["; ".join(record.notes) for record in records], np.str_),
        **{name: np.full(len(records), value) for name, value in columns.items()},
    }
    return Examples({"image": images, "label": np.full(len(records), label, np.int8)}, index)


def content_name(path: Path) -> str:
    """A name for a file whose own must not be told: the beginning of the SHA-256 of its bytes.

    Raises:
        DataError: It cannot be read.
    """
    prefix = "dicom" if path.suffix.lower() in dicom.SUFFIXES else "picture"
    try:
        with path.open("rb") as file:
            return f"{prefix}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
    except OSError as error:
        raise DataError(f"a {prefix} file", f"cannot be read: {error.strerror}.") from error
