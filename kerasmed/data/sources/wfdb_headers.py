"""WFDB records whose header comments say their labels, as in the PhysioNet Challenges, split by patient."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import RecordExamples, WfdbHeaders
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.leakage import refuse_known_copies
from kerasmed.data.readers.wfdb import read_header
from kerasmed.data.record_examples import record_spec
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.sources.labelled_records import Labels, labels_of, read_labelled
from kerasmed.data.sources.wfdb_beats import files_of_header, usual_rate_hz
from kerasmed.data.splits import split_by_patient
from kerasmed.errors import DataError
from kerasmed.spec import TargetSpec

MAX_CLASSES, MAX_NAMED = 127, 5


@dataclass(frozen=True)
class _Said:
    """What the headers say.

    Attributes:
        labels: Of each record whose header says some, perhaps none of them, by its name.
        patients: By the name of the record, where its header says whose it is.
        unreadable: Names of the records whose header cannot be read.
        silent: How many say nothing of labels.
    """

    labels: Mapping[str, tuple[str, ...]]
    patients: Mapping[str, str]
    unreadable: tuple[str, ...]
    silent: int


def build_wfdb_headers(config: WfdbHeaders, data_root: Path) -> Dataset:
    """The records below the folder whose headers say labels.

    Raises:
        DataError: The folder holds no such record, or a header says what is no class.
        LeakageError: A record of CPSC2018 is there twice, by itself and as part of a later Challenge.
    """
    folder = data_root / config.folder
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Set --data-dir to the folder that holds it.")
    said = _read_headers(folder, config)
    refuse_known_copies(tuple(said.labels))
    classes, targets = _targets(said.labels, config)
    names = [*said.labels, *said.unreadable]
    records = tuple(
        RecordRef(name, said.patients.get(name, name), files_of_header(folder / f"{name}.hea")) for name in names
    )
    labels = labels_of(records[: len(targets)], targets)
    return Dataset(
        name=folder.name,
        spec=record_spec(config.examples, TargetSpec(config.task, classes), usual_rate_hz(records)),
        records=records,
        make_examples=partial(_read, settings=config.examples, labels=labels),
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            name="wfdb_headers",
            describe="Patients are dealt to train, validation and test, each part with its share of every class.",
        ),
        recipe={"source": "wfdb_headers", "labels": labels.digest()},
        notes=_notes(said, config),
    )


def _read_headers(folder: Path, config: WfdbHeaders) -> _Said:
    label_line, patient_line = _line(config.label_line), _line(config.patient_line)
    labels: dict[str, tuple[str, ...]] = {}
    patients: dict[str, str] = {}
    unreadable: list[str] = []
    silent = 0
    for path in sorted(folder.rglob("*.hea")):
        name = path.relative_to(folder).as_posix().removesuffix(".hea")
        try:
            comments = read_header(path).comments
        except DataError:
            unreadable.append(name)  # reading it as data says what is wrong with it
            continue
        told = _first(label_line, comments)
        if told is None:
            silent += 1
            continue
        labels[name] = _split(told, config)
        patient = _first(patient_line, comments)
        if patient:
            patients[name] = patient
    if not labels:
        reason = f"holds no record whose header has a line '# {config.label_line}: ...'."
        raise DataError(str(folder), reason, "Check dataset.folder and dataset.label_line.")
    return _Said(labels, patients, tuple(unreadable), silent)


def _line(name: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(name)}\s*:\s*(.*)", re.IGNORECASE)


def _first(line: re.Pattern[str], comments: tuple[str, ...]) -> str | None:
    found = (line.fullmatch(comment) for comment in comments)
    return next((match.group(1).strip() for match in found if match), None)


def _split(told: str, config: WfdbHeaders) -> tuple[str, ...]:
    parts = told.split(",") if config.task == "multi_label" else [told]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _targets(labels: Mapping[str, tuple[str, ...]], config: WfdbHeaders) -> tuple[tuple[str, ...], Array]:
    """The classes, and int8 (n,) of one label or int8 (n, num_classes) of several."""
    counts = Counter(name for names in labels.values() for name in names)
    classes = config.classes or tuple(sorted(counts))
    never = [name for name in classes if not counts[name]]
    if never or not classes:
        known = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(MAX_NAMED)) or "none"
        raise DataError(config.folder, f"no header says {never[0] if never else 'a label'}.", f"They say: {known}.")
    if len(classes) > MAX_CLASSES:
        raise DataError(
            config.folder, f"has {len(classes)} classes; at most {MAX_CLASSES} are read.", "Name dataset.classes."
        )
    if config.task == "multi_label":
        return classes, np.array([[name in names for name in classes] for names in labels.values()], np.int8)
    wrong = [record for record, names in labels.items() if len(names) != 1 or names[0] not in classes]
    if wrong:
        named = ", ".join(wrong[:MAX_NAMED]) + (f" and {len(wrong) - MAX_NAMED} more" * (len(wrong) > MAX_NAMED))
        raise DataError(named, "has none of the classes.", f"Classes: {', '.join(classes)}; name dataset.classes.")
    return classes, np.array([classes.index(names[0]) for names in labels.values()], np.int8)


def _read(ref: RecordRef, settings: RecordExamples, labels: Labels) -> Examples:
    if ref.record_id not in labels.place:
        read_header(ref.files[0])  # raises what is wrong with it
        raise DataError(ref.record_id, "has changed while it was read.")
    return read_labelled(ref, settings, labels)


def _notes(said: _Said, config: WfdbHeaders) -> tuple[str, ...]:
    notes = [f"labels: header line '# {config.label_line}:', {len(said.labels):,} records"]
    unknown = len(said.labels) - len(said.patients)
    if unknown:
        notes.append(f"records whose header names no patient, each a patient of its own: {unknown:,}")
    if said.silent:
        notes.append(f"records whose header says no label, left out: {said.silent:,}")
    return tuple(notes)
