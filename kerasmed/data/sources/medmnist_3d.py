"""MedMNIST v2 files of grey volumes."""

from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.volumes import MedMnist3D
from kerasmed.data.dataset import Dataset, Protocol, Published
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.records import Examples, RecordRef, VolumeRecord
from kerasmed.data.sources.medmnist_file import open_file, read_part, split_as_stored
from kerasmed.data.volume_examples import volume_example, volume_spec, voxel_of

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
    file = open_file(path, len(config.classes), "volume", ("depth", "height", "width"))
    return Dataset(
        name=path.stem,
        spec=volume_spec(config.examples, config.classes, voxel_of(config.examples, file.shape)),
        records=file.records,
        make_examples=partial(make_examples, config=config),
        split=split_as_stored,
        protocol=Protocol(
            "medmnist_3d", f"The arrays of MedMNIST as they are; judged on {file.judged_on}.", file.judged_on,
            (NO_PATIENTS,) if file.judged_on == "test" else (NO_PATIENTS, SELF_JUDGED), shares_patients=True,
            published=PUBLISHED_ADRENAL if path.stem.startswith(ADRENAL) else (), ranked_by="macro_auc",
        ),
        recipe={"source": "medmnist_3d", "classes": list(config.classes)},
        notes=file.notes,
    )  # fmt: skip


def make_examples(ref: RecordRef, config: MedMnist3D) -> Examples:
    """The examples of one part; ids are "train:0", "train:1", ..., each a patient of its own.

    Raises:
        DataError: The arrays are damaged or hold a label that is no class.
    """
    images, labels = read_part(ref, len(config.classes))
    ids = np.array([f"{ref.record_id}:{row}" for row in range(len(labels))], np.str_)
    volumes = [
        volume_example(VolumeRecord(str(one), voxels, config.examples.file_spacing_mm), config.examples)
        for one, voxels in zip(ids, images, strict=True)
    ]
    part = np.full(len(ids), ref.record_id)
    return Examples(
        {"volume": np.stack(volumes), "label": labels}, {"id": ids, "record": part, "patient": ids, "part": part}
    )
