"""Volumes in files of their own or many in one: the class is the file's or a table's, as are patients and sides."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed import files
from kerasmed.config.volumes import VolumeExamples, VolumeNpy, VolumeTable
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.readers.volumes import (
    KINDS,
    FoundVolume,
    find_volumes,
    geometry_of,
    patient_of,
    read_volume,
    volumes_of,
)
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.sources.medmnist_3d import NO_PATIENTS
from kerasmed.data.splits import split_by_patient
from kerasmed.data.volume_examples import volume_example, volume_spec, voxel_of
from kerasmed.errors import DataError, unknown

SIDES = {"l": True, "left": True, "r": False, "right": False}
MAX_NAMED = 5
MAX_MEASURED = 32
SAME_MM = 0.01
NO_SIDES = "no volume says its side, so that examples.mirror_left mirrored none"
UNLIKE = "voxels of an example differ from volume to volume; dataset.examples.spacing_mm resamples them to one size"


@dataclass(frozen=True)
class Told:
    """What the table says, by the key of a volume.

    Attributes:
        labels: Classes.
        patients: Patients.
        left: Whether it is of the left side.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, bool] = field(default_factory=dict)


def build_volume_npy(config: VolumeNpy, data_root: Path) -> Dataset:
    """Every volume is a record of its own; of an .npy file it is read from the map of its file.

    Raises:
        DataError: A file is missing or no file of volumes, or the table is faulty or lacks a volume.
        UnknownNameError: A column of the table is missing.
        MissingPackageError: What reads the files is missing.
    """
    folder = data_root / config.folder
    classes = config.classes or tuple(config.files)
    told = Told() if config.table is None else _read_table(folder / config.table.file, config.table, classes)
    found, labels = _volumes_of_files(folder, config) if config.files else _volumes_of_table(folder, told)
    _require_all(found, config.table, told)
    patients = _patients(found, told)
    num_known = sum(patients[one.name] != one.name for one in found)
    voxel_mm, alike = _voxel(found, config.examples)
    notes = [] if alike else [UNLIKE]
    if 0 < num_known < len(found):
        notes.append(f"patients are known of {num_known} of {len(found)} volumes; each other one counts as its own")
    table = {one.name: (one, classes.index(label)) for one, label in zip(found, labels, strict=True)}
    left = {one.name: told.left[one.key] for one in found if one.key in told.left}
    return Dataset(
        name=folder.name,
        spec=volume_spec(config.examples, classes, voxel_mm),
        records=tuple(RecordRef(one.name, patients[one.name], one.paths, one.hidden) for one in found),
        make_examples=partial(read_examples, settings=config.examples, table=table, left=left),
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            "volume_npy", "Volumes are dealt to train, validation and test, patients whole.",
            badges=() if num_known else (NO_PATIENTS,),
        ),
        recipe={
            "source": "volume_npy",
            "labels": files.digest({name: label for name, (_, label) in table.items()}),
            "mirrored": files.digest(left if config.examples.mirror_left is not None else {}),
        },
        notes=(*notes, *_table_notes(found, config, told)),
    )  # fmt: skip


def read_examples(
    ref: RecordRef, settings: VolumeExamples, table: Mapping[str, tuple[FoundVolume, int]], left: Mapping[str, bool]
) -> Examples:
    """The example of one volume; where both say the side, the table is believed before the file.

    Raises:
        DataError: The file is none of volumes any more, or the volume cannot be used.
        MissingPackageError: What reads it is missing.
    """
    found, place = table[ref.record_id]
    record = read_volume(found, settings)
    record = replace(record, left=left.get(ref.record_id, record.left))
    index = {"id": ref.record_id, "record": ref.record_id, "patient": ref.patient}
    label: Array = np.array([place], np.int8)
    return Examples(
        {"volume": volume_example(record, settings)[None], "label": label},
        {name: np.array([value], np.str_) for name, value in index.items()},
    )


def _volumes_of_files(folder: Path, config: VolumeNpy) -> tuple[list[FoundVolume], list[str]]:
    found = [(one, name) for name, file in config.files.items() for one in volumes_of(folder / file, folder)]
    return [one for one, _ in found], [name for _, name in found]


def _volumes_of_table(folder: Path, told: Told) -> tuple[list[FoundVolume], list[str]]:
    """Every volume below the folder, two copies of a DICOM series told apart by a number."""
    found: list[FoundVolume] = []
    taken: Counter[str] = Counter()
    for one in find_volumes(folder) if folder.is_dir() else ():
        if isinstance(one, DataError):
            raise one
        taken[one.name] += 1
        found.append(one if taken[one.name] == 1 else replace(one, name=f"{one.name}-{taken[one.name]}"))
    return found, [told.labels.get(one.key, "") for one in found]


def _patients(found: list[FoundVolume], told: Told) -> dict[str, str]:
    """Who each volume is of: what the table says, or a number in place of a PatientID; else nobody but itself."""
    numbers: dict[bytes, int] = {}
    patients = {}
    for one in found:
        if one.key in told.patients:
            patients[one.name] = told.patients[one.key]
            continue
        key = patient_of(one)
        patients[one.name] = one.name if key is None else f"patient-{numbers.setdefault(key, len(numbers) + 1):05d}"
    return patients


def _voxel(found: list[FoundVolume], settings: VolumeExamples) -> tuple[tuple[float, float, float] | None, bool]:
    """The voxel of an example, the median over some volumes, None where one does not say; and whether all have it."""
    known = []
    for place in np.unique(np.linspace(0, len(found) - 1, min(len(found), MAX_MEASURED)).astype(int)):
        try:
            shape, spacing_mm = geometry_of(found[place], settings)
        except DataError:
            continue  # preparing it says what is wrong
        known.append(voxel_of(settings, shape, spacing_mm))
    sizes = [voxel for voxel in known if voxel is not None]
    if not sizes or len(sizes) < len(known):
        return None, True
    depth, height, width = (round(float(value), 3) for value in np.median(sizes, axis=0))
    return (depth, height, width), bool(np.ptp(sizes, axis=0).max() <= SAME_MM)


def _table_notes(found: list[FoundVolume], config: VolumeNpy, told: Told) -> list[str]:
    notes = []
    absent = len({*told.labels, *told.patients, *told.left} - {one.key for one in found})
    if absent:
        notes.append(f"rows of the table without a volume: {absent}")
    if config.examples.mirror_left is not None:
        count = sum(told.left.get(one.key, False) for one in found)
        if count:
            notes.append(f"left volumes mirrored along their {config.examples.mirror_left}: {count} by the table")
        elif not any(one.hidden for one in found):
            notes.append(NO_SIDES)
    return notes


def _read_table(path: Path, table: VolumeTable, classes: tuple[str, ...]) -> Told:
    head, rows = read_rows(path)
    for column in filter(None, (table.volume, table.label, table.patient, table.side)):
        if column not in head:
            raise unknown(f"column of {path.name}", column, head)
    faults = [fault for number, row in enumerate(rows, start=2) for fault in _faults(number, row, table, classes)]
    counts = Counter(row[table.volume] for row in rows)
    # Not by their names, which may be patients'.
    faults += [
        f"row {number}: the volume of another row"
        for number, row in enumerate(rows, 2)
        if counts[row[table.volume]] > 1
    ]
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


def _require_all(found: list[FoundVolume], table: VolumeTable | None, told: Told) -> None:
    if not found:
        raise DataError("the folder of volumes", "holds none.", f"A volume is {KINDS}.")
    for column in (told.labels, told.patients, told.left):
        missing = [one.name for one in found if column and one.key not in column]
        if missing and table is not None:
            raise DataError(
                table.file, f"has no row of {len(missing)} volumes ({', '.join(missing[:MAX_NAMED])}).", "Add them."
            )
