"""A MedMNIST v2 file: train, val and perhaps test arrays of uint8, labels (n, 1); its parts are those of the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kerasmed.data.dataset import Index, Splits
from kerasmed.data.readers.npz import list_arrays, read_arrays
from kerasmed.data.records import Array, RecordRef
from kerasmed.errors import DataError

PARTS = {"train": "train", "validation": "val", "test": "test"}
MAX_CLASSES = 127


@dataclass(frozen=True)
class MedMnistFile:
    """What a file holds, by its headers.

    Attributes:
        path: Of the file.
        parts: "train", "validation" and perhaps "test".
        shape: Of one example as stored.
    """

    path: Path
    parts: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def judged_on(self) -> Literal["test", "validation"]:
        """The part that judges: validation where there is no test part."""
        return "test" if "test" in self.parts else "validation"

    @property
    def records(self) -> tuple[RecordRef, ...]:
        """One for each part."""
        return tuple(RecordRef(part, "", (self.path,)) for part in self.parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report says of it."""
        return () if "test" in self.parts else (f"{self.path.name} holds no test arrays: judged on val",)


def open_file(path: Path, num_classes: int, what: str, axes: tuple[str, ...]) -> MedMnistFile:
    """The headers of a file, held against what is to be read.

    Args:
        path: Of the file.
        num_classes: Of the labels.
        what: An example, in words: "picture".
        axes: Of one example, in words: "height", "width".

    Raises:
        DataError: The file is missing or damaged, or holds other arrays.
    """
    shapes = list_arrays(path)
    parts = tuple(part for part, name in PARTS.items() if f"{name}_images" in shapes)
    if parts[:2] != ("train", "validation"):
        raise DataError(path.name, f"holds {', '.join(sorted(shapes))} instead of train_images, val_images, ...")
    if num_classes > MAX_CLASSES:
        raise DataError(path.name, f"has more than {MAX_CLASSES} classes.")
    for name in (PARTS[part] for part in parts):
        shape, dtype = shapes[f"{name}_images"]
        if len(shape) != 1 + len(axes) or str(dtype) != "uint8":
            read = f"grey {what}s (n, {', '.join(axes)}) are read."
            raise DataError(path.name, f"{name}_images is {dtype} {shape}; {read}")
        found = shapes.get(f"{name}_labels")
        if found is None or found[0] != (shape[0], 1) or found[1].kind not in "iu":
            said = "missing" if found is None else f"{found[1]} {found[0]}"
            read = f"one label for each {what}, ({shape[0]}, 1), is read."
            raise DataError(path.name, f"{name}_labels is {said}; {read}")
    return MedMnistFile(path, parts, shapes["train_images"][0][1:])


def read_part(ref: RecordRef, num_classes: int) -> tuple[Array, Array]:
    """uint8 (n, ...) examples and int8 (n,) labels of one part.

    Raises:
        DataError: The arrays are damaged or hold a label that is no class.
    """
    name = PARTS[ref.record_id]
    arrays = read_arrays(ref.files[0], (f"{name}_images", f"{name}_labels"))
    labels = arrays[f"{name}_labels"][:, 0]
    if labels.min() < 0 or labels.max() >= num_classes:
        raise DataError(ref.files[0].name, f"{name}_labels holds {labels.max()}; classes are {num_classes}.")
    return arrays[f"{name}_images"], labels.astype(np.int8)


def split_as_stored(index: Index, seed: int) -> Splits:
    """The parts of the file; validation is test where there is none."""
    del seed
    train, validation, test = (np.flatnonzero(index["part"] == part) for part in PARTS)
    return Splits(train, validation, test if len(test) else validation)
