"""A user's own WFDB records with a table of labels, split by patient."""

from functools import partial
from pathlib import Path

from kerasmed.config.dataset import WfdbFolder
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.folds import with_folds
from kerasmed.data.leakage import refuse_known_copies
from kerasmed.data.readers.record_csv import Columns, RecordLabels, read_record_csv
from kerasmed.data.record_examples import record_spec
from kerasmed.data.records import RecordRef
from kerasmed.data.sources.labelled_records import labels_of, read_labelled
from kerasmed.data.sources.wfdb_beats import files_of_header, usual_rate_hz
from kerasmed.data.splits import split_by_patient
from kerasmed.errors import DataError
from kerasmed.spec import TargetSpec

NO_PATIENTS = "patients are not known: each record counts as a patient of its own"


def build_wfdb_folder(config: WfdbFolder, data_root: Path) -> Dataset:
    """The records that the table of labels names, below the folder.

    Raises:
        DataError: The folder or the table is missing, or the table has faults, which are all named with their lines.
        LeakageError: A record of CPSC2018 is there twice, by itself and as part of a later Challenge.
    """
    folder = data_root / config.folder
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Set --data-dir to the folder that holds it.")
    columns = Columns(config.record_column, config.patient_column, config.label_column, config.classes, config.task)
    table = read_record_csv(folder / config.labels, columns, lambda name: (folder / f"{name}.hea").is_file())
    refuse_known_copies(table.records)
    records = tuple(
        RecordRef(name, patient, files_of_header(folder / f"{name}.hea"))
        for name, patient in zip(table.records, table.patients, strict=True)
    )
    labels = labels_of(records, table.targets)
    target = TargetSpec(config.task, table.classes)
    dataset = Dataset(
        name=folder.name,
        spec=record_spec(config.examples, target, usual_rate_hz(records)),
        records=records,
        make_examples=partial(read_labelled, settings=config.examples, labels=labels),
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            name="wfdb_folder",
            describe="Patients are dealt to train, validation and test, each part with its share of every class.",
        ),
        recipe={"source": "wfdb_folder", "labels": labels.digest()},
        notes=_notes(config, folder, table),
    )
    return with_folds(dataset, folder, config.folds)


def _notes(config: WfdbFolder, folder: Path, table: RecordLabels) -> tuple[str, ...]:
    notes = [f"labels: {config.labels}, {len(table.records):,} records"]
    if config.patient_column is None:
        notes.append(NO_PATIENTS)
    unnamed = sum(1 for _ in folder.rglob("*.hea")) - len(table.records)
    if unnamed > 0:
        notes.append(f"records of the folder that {config.labels} does not name, left out: {unnamed:,}")
    return tuple(notes)
