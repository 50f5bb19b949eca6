"""MedMNIST v2 files of grey 2-D pictures: train, val and test arrays, labels (n, 1)."""

from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import MedMnist
from kerasmed.data.dataset import Dataset, Index, Protocol, Splits
from kerasmed.data.image_examples import examples_of, image_spec
from kerasmed.data.image_hash import NEAR_BITS
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.readers.npz import list_arrays, read_arrays
from kerasmed.data.records import Examples, ImageRecord, RecordRef
from kerasmed.data.sources.image_folder import NO_PATIENTS
from kerasmed.errors import DataError

PARTS = {"train": "train", "validation": "val", "test": "test"}


def build_medmnist(config: MedMnist, data_root: Path) -> Dataset:
    """The arrays of one file; where it has none for test, validation judges.

    Raises:
        DataError: The file is missing or damaged, or holds other arrays.
    """
    path = data_root / config.folder / config.file
    shapes = list_arrays(path)
    parts = [part for part, name in PARTS.items() if f"{name}_images" in shapes]
    if parts[:2] != ["train", "validation"]:
        raise DataError(path.name, f"holds {', '.join(sorted(shapes))} instead of train_images, val_images, ...")
    for part in parts:
        _check(path, PARTS[part], shapes, config)
    has_test = "test" in parts
    judged_on = "test" if has_test else "validation"
    badges = (NO_PATIENTS,) if has_test else (NO_PATIENTS, SELF_JUDGED)
    return Dataset(
        name=path.stem,
        spec=image_spec(config.examples, config.classes),
        records=tuple(RecordRef(part, "", (path,)) for part in parts),
        make_examples=partial(read_part, config=config),
        split=split_as_stored,
        protocol=Protocol(
            "medmnist", f"The arrays of MedMNIST as they are; judged on {judged_on}.",
            "test" if has_test else "validation", badges, shares_patients=True, near_bits=NEAR_BITS,
        ),
        recipe={"source": "medmnist", "classes": list(config.classes)},
        notes=() if has_test else (f"{path.name} holds no test arrays: judged on val",),
    )  # fmt: skip


def read_part(ref: RecordRef, config: MedMnist) -> Examples:
    """The examples of one part; ids are "train:0", "train:1", ..., each a patient of its own.

    Raises:
        DataError: The arrays are damaged or hold a label that is no class.
    """
    name = PARTS[ref.record_id]
    arrays = read_arrays(ref.files[0], (f"{name}_images", f"{name}_labels"))
    images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"][:, 0]
    if labels.min() < 0 or labels.max() >= len(config.classes):
        raise DataError(ref.files[0].name, f"{name}_labels holds {labels.max()}; classes are {len(config.classes)}.")
    size = (images.shape[2], images.shape[1])
    records = [ImageRecord(f"{ref.record_id}:{row}", image, 8, "L", 8, size) for row, image in enumerate(images)]
    examples = examples_of(records, config.examples, 0, {"record": ref.record_id, "part": ref.record_id})
    examples.index["patient"] = examples.index["id"]
    examples.arrays["label"] = labels.astype(np.int8)
    return examples


def split_as_stored(index: Index, seed: int) -> Splits:
    """The parts of the file; validation is test where there is none."""
    del seed
    train, validation, test = (np.flatnonzero(index["part"] == part) for part in PARTS)
    return Splits(train, validation, test if len(test) else validation)


def _check(path: Path, name: str, shapes: dict[str, tuple[tuple[int, ...], np.dtype]], config: MedMnist) -> None:
    shape, dtype = shapes[f"{name}_images"]
    if len(shape) != 3 or str(dtype) != "uint8":
        raise DataError(path.name, f"{name}_images is {dtype} {shape}; grey pictures (n, height, width) are read.")
    found = shapes.get(f"{name}_labels")
    if found is None or found[0] != (shape[0], 1) or found[1].kind not in "iu":
        said = "missing" if found is None else f"{found[1]} {found[0]}"
        raise DataError(path.name, f"{name}_labels is {said}; one label for each picture, ({shape[0]}, 1), is read.")
    if len(config.classes) > 127:
        raise DataError(path.name, "has more than 127 classes.")
