"""MedMNIST v2 files of grey volumes: train, val and test arrays (n, depth, height, width), labels (n, 1)."""

from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.volumes import MedMnist3D
from kerasmed.data.dataset import Dataset, Protocol, Published
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.readers.npz import list_arrays, read_arrays
from kerasmed.data.records import Examples, RecordRef, VolumeRecord
from kerasmed.data.sources.medmnist import PARTS, split_as_stored
from kerasmed.data.volume_examples import volume_example, volume_spec, voxel_of
from kerasmed.errors import DataError

ADRENAL = "adrenalmnist3d"
TABLE = "Yang et al., Sci Data 10:41, 2023, doi:10.1038/s41597-022-01721-8, results on MedMNIST3D"
EDGES = "28x28x28 volumes, official test part; entered from memory, compare with the paper before citing"
PUBLISHED_ADRENAL = tuple(
    Published(work, {"macro_auc": auc, "accuracy": accuracy}, TABLE, EDGES)
    for work, auc, accuracy in (
        ("ResNet-18 + 2.5D", 0.718, 0.772),
        ("ResNet-18 + 3D", 0.827, 0.721),
        ("ResNet-18 + ACS", 0.839, 0.754),
        ("ResNet-50 + 2.5D", 0.732, 0.763),
        ("ResNet-50 + 3D", 0.828, 0.745),
        ("ResNet-50 + ACS", 0.828, 0.758),
        ("auto-sklearn", 0.828, 0.802),
        ("AutoKeras", 0.804, 0.705),
    )
)
NO_PATIENTS = "patients are not known: leakage between parts cannot be excluded"


def build_medmnist_3d(config: MedMnist3D, data_root: Path) -> Dataset:
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
    return Dataset(
        name=path.stem,
        spec=volume_spec(config.examples, config.classes, voxel_of(config.examples, shapes["train_images"][0][1:])),
        records=tuple(RecordRef(part, "", (path,)) for part in parts),
        make_examples=partial(read_part, config=config),
        split=split_as_stored,
        protocol=Protocol(
            "medmnist_3d", f"The arrays of MedMNIST as they are; judged on {judged_on}.",
            "test" if has_test else "validation", (NO_PATIENTS,) if has_test else (NO_PATIENTS, SELF_JUDGED),
            shares_patients=True, published=PUBLISHED_ADRENAL if path.stem.startswith(ADRENAL) else (),
            ranked_by="macro_auc",
        ),
        recipe={"source": "medmnist_3d", "classes": list(config.classes)},
        notes=() if has_test else (f"{path.name} holds no test arrays: judged on val",),
    )  # fmt: skip


def read_part(ref: RecordRef, config: MedMnist3D) -> Examples:
    """The examples of one part; ids are "train:0", "train:1", ..., each a patient of its own.

    Raises:
        DataError: The arrays are damaged or hold a label that is no class.
    """
    name = PARTS[ref.record_id]
    arrays = read_arrays(ref.files[0], (f"{name}_images", f"{name}_labels"))
    labels = arrays[f"{name}_labels"][:, 0]
    if labels.min() < 0 or labels.max() >= len(config.classes):
        raise DataError(ref.files[0].name, f"{name}_labels holds {labels.max()}; classes are {len(config.classes)}.")
    ids = np.array([f"{ref.record_id}:{row}" for row in range(len(labels))], np.str_)
    volumes = [
        volume_example(VolumeRecord(str(one), voxels, config.examples.file_spacing_mm), config.examples)
        for one, voxels in zip(ids, arrays[f"{name}_images"], strict=True)
    ]
    index = {
        "id": ids,
        "record": np.full(len(ids), ref.record_id),
        "patient": ids,
        "part": np.full(len(ids), ref.record_id),
    }
    return Examples({"volume": np.stack(volumes), "label": labels.astype(np.int8)}, index)


def _check(path: Path, name: str, shapes: dict[str, tuple[tuple[int, ...], np.dtype]], config: MedMnist3D) -> None:
    shape, dtype = shapes[f"{name}_images"]
    if len(shape) != 4 or str(dtype) != "uint8":
        raise DataError(path.name, f"{name}_images is {dtype} {shape}; volumes (n, depth, height, width) are read.")
    found = shapes.get(f"{name}_labels")
    if found is None or found[0] != (shape[0], 1) or found[1].kind not in "iu":
        said = "missing" if found is None else f"{found[1]} {found[0]}"
        raise DataError(path.name, f"{name}_labels is {said}; one label for each volume, ({shape[0]}, 1), is read.")
    if len(config.classes) > 127:
        raise DataError(path.name, "has more than 127 classes.")
