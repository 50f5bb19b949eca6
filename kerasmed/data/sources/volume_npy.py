"""Volumes in `.npy` files: one large file for each class, or a folder of files whose classes a table says."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed import files
from kerasmed.config.volumes import VolumeExamples, VolumeNpy, VolumeTable
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.readers.volume_npy import SUFFIX, open_volumes
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.sources.medmnist_3d import NO_PATIENTS
from kerasmed.data.splits import split_by_patient
from kerasmed.data.volume_examples import volume_example, volume_spec
from kerasmed.errors import DataError, unknown

AXES = {"depth": 0, "height": 1, "width": 2}
SIDES = {"l": True, "left": True, "r": False, "right": False}
MAX_NAMED = 5
MIRRORED = "left volumes were mirrored; mirror them before a prediction too"


@dataclass(frozen=True)
class Told:
    """What the table says, by volume.

    Attributes:
        labels: Classes.
        patients: Patients.
        left: Whether it is of the left side.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, bool] = field(default_factory=dict)


def build_volume_npy(config: VolumeNpy, data_root: Path) -> Dataset:
    """Every volume is a record of its own, read from the map of its file.

    Raises:
        DataError: A file is missing or no file of volumes, or the table is faulty or lacks a volume.
        UnknownNameError: A column of the table is missing.
    """
    folder = data_root / config.folder
    classes = config.classes or tuple(config.files)
    told = Told() if config.table is None else _read_table(folder / config.table.file, config.table, classes)
    class_of = {file: name for name, file in config.files.items()}
    paths = [folder / file for file in class_of] or sorted(folder.glob(f"*{SUFFIX}"))
    records: list[RecordRef] = []
    labels: dict[str, str] = {}
    for path in paths:
        own = class_of.get(str(path.relative_to(folder)))
        for name in _names(path, config.examples):
            records.append(RecordRef(name, told.patients.get(name, name), (path,)))
            labels[name] = own or told.labels.get(name, "")
    table = config.table
    _require_all(records, table, told)
    places = {name: classes.index(label) for name, label in labels.items()}
    mirrored = {name: AXES[table.mirrored] for name, left in told.left.items() if left} if table is not None else {}
    return Dataset(
        name=folder.name,
        spec=volume_spec(config.examples, classes),
        records=tuple(records),
        make_examples=partial(read_volume, settings=config.examples, labels=places, mirrored=mirrored),
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            "volume_npy", "Volumes are dealt to train, validation and test, patients whole.",
            badges=() if told.patients else (NO_PATIENTS,),
        ),
        recipe={"source": "volume_npy", "labels": files.digest(labels), "mirrored": files.digest(mirrored)},
        notes=(MIRRORED,) if mirrored else (),
    )  # fmt: skip


def read_volume(
    ref: RecordRef, settings: VolumeExamples, labels: Mapping[str, int], mirrored: Mapping[str, int]
) -> Examples:
    """The example of one volume.

    Raises:
        DataError: The file is none of volumes any more, or the volume cannot be used.
    """
    path = ref.files[0]
    _, _, row = ref.record_id.rpartition(":")
    volumes = open_volumes(path, path.name, settings.slices)
    voxels = volumes[int(row) if len(volumes) > 1 else 0]
    if ref.record_id in mirrored:
        voxels = np.flip(voxels, mirrored[ref.record_id])
    index = {"id": ref.record_id, "record": ref.record_id, "patient": ref.patient}
    label: Array = np.array([labels[ref.record_id]], np.int8)
    return Examples(
        {"volume": volume_example(ref.record_id, voxels, settings)[None], "label": label},
        {name: np.array([value], np.str_) for name, value in index.items()},
    )


def _names(path: Path, settings: VolumeExamples) -> list[str]:
    count = len(open_volumes(path, path.name, settings.slices))
    return [path.stem] if count == 1 else [f"{path.stem}:{row}" for row in range(count)]


def _read_table(path: Path, table: VolumeTable, classes: tuple[str, ...]) -> Told:
    head, rows = read_rows(path)
    for column in filter(None, (table.volume, table.label, table.patient, table.side)):
        if column not in head:
            raise unknown(f"column of {path.name}", column, head)
    faults = [fault for number, row in enumerate(rows, start=2) for fault in _faults(number, row, table, classes)]
    doubled = [name for name, count in Counter(row[table.volume] for row in rows).items() if count > 1]
    faults += [f"{name} is there twice" for name in doubled]
    if faults:
        more = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        raise DataError(
            path.name, f"{'; '.join(faults[:MAX_NAMED])}{more}.", f"Classes are {', '.join(classes)}; sides L and R."
        )
    return Told(
        {row[table.volume]: row[table.label] for row in rows} if table.label else {},
        {row[table.volume]: row[table.patient] for row in rows} if table.patient else {},
        {row[table.volume]: SIDES[row[table.side].lower()] for row in rows} if table.side else {},
    )


def _faults(number: int, row: dict[str, str], table: VolumeTable, classes: tuple[str, ...]) -> list[str]:
    """What is wrong with a row."""
    checks = {
        "no volume": not row[table.volume],
        "no known class": table.label is not None and row[table.label] not in classes,
        "no patient": table.patient is not None and not row[table.patient],
        "no known side": table.side is not None and row[table.side].lower() not in SIDES,
    }
    return [f"row {number}: {fault}" for fault, found in checks.items() if found]


def _require_all(records: list[RecordRef], table: VolumeTable | None, told: Told) -> None:
    if not records:
        raise DataError("the folder of volumes", f"holds no {SUFFIX} file.", "Name the files in dataset.files.")
    for column in (told.labels, told.patients, told.left):
        missing = [record.record_id for record in records if column and record.record_id not in column]
        if missing and table is not None:
            raise DataError(
                table.file, f"has no row of {len(missing)} volumes ({', '.join(missing[:MAX_NAMED])}).", "Add them."
            )
