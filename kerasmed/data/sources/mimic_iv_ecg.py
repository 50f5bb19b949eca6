"""MIMIC-IV-ECG 1.0 (Gow et al., PhysioNet 2023): 800,035 records of ten seconds, 161,352 patients.

record_list.csv names the records; leads are read by name, since the files hold aVF before aVL. Two thirds of the
patients have several records, so folds are of patients: twenty, of which the last but one chooses the epoch and the
last judges. With discharge diagnoses (Strodthoff et al. 2024) the folds are those of their table; with statements of
the machine a digest of the patient's number deals them, which stays as it is however many records are there.
"""

import csv
import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import MimicIvEcg
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.mimic_labels import (
    CLASSES,
    NUM_REPORTS,
    frequent,
    label_statements,
    measurement,
    parse_icd_list,
    with_ancestors,
)
from kerasmed.data.record_examples import record_spec
from kerasmed.data.records import Array, RecordRef
from kerasmed.data.sources.labelled_records import Labels, read_labelled
from kerasmed.data.splits import split_by_fold
from kerasmed.errors import DataError
from kerasmed.spec import TargetSpec

NAME, RATE_HZ = "mimic_iv_ecg", 500.0
RECORD_LIST, MEASUREMENTS, DIAGNOSES = "record_list.csv", "machine_measurements.csv", "records_w_diag_icd10.csv"
NUM_RECORDS, NUM_PATIENTS = 800_035, 161_352
NUM_FOLDS = 20
TRAIN, VALIDATION, TEST = tuple(range(18)), (18,), (19,)
PATH = re.compile(r"files/p(\d{4})/p(\d{8})/s(\d{8})/(\d{8})")
REPORTS = tuple(f"report_{number}" for number in range(NUM_REPORTS))
MAX_FAULTS = 20
# A diagnosis may be long in text, and a list of them longer than csv's own limit.
MAX_CELL = 1 << 20
ACCESS = {
    RECORD_LIST: "Ask for access at https://physionet.org/content/mimic-iv-ecg/1.0/, then put the files there.",
    MEASUREMENTS: "It lies beside record_list.csv at https://physionet.org/content/mimic-iv-ecg/1.0/.",
    DIAGNOSES: "It is credentialed: https://physionet.org/content/mimic-iv-ecg-ext-icd-labels/1.0.1/.",
}


@dataclass(frozen=True)
class Said:
    """What is known of records, by the number of their study.

    Attributes:
        classes: Names.
        marks: Study to the places of its classes.
        folds: Study to its fold, where the source of labels has some.
        rr_ms: Study to the mean interval between beats that the machine measured; NaN where it could not.
        unlabelled: Why records have no label, with how many.
    """

    classes: tuple[str, ...]
    marks: "Mapping[int, array[int]]"
    folds: Mapping[int, int] = field(default_factory=dict)
    rr_ms: Mapping[int, float] = field(default_factory=dict)
    unlabelled: Mapping[str, int] = field(default_factory=dict)


def build_mimic_iv_ecg(config: MimicIvEcg, data_root: Path) -> Dataset:
    """The records of record_list.csv that have a label.

    Raises:
        DataError: A table is missing or has faults, records are missing and `allow_missing` is off, or none is left.
    """
    folder = data_root / config.folder
    said = _statements(folder, config.doubtful) if config.labels == "statements" else _diagnoses(folder, config)
    studies = dict(read_record_list(folder / RECORD_LIST))
    chosen = _choose(studies, said, config.max_patients)
    there = {study for study in chosen if (folder / studies[study][1]).with_suffix(".hea").is_file()}
    missing = len(chosen) - len(there)
    if missing and (not config.allow_missing or not there):
        raise DataError(
            str(folder),
            f"{missing:,} of {len(chosen):,} records of {RECORD_LIST} are missing.",
            "Fetch them, or go on without: dataset.allow_missing=true.",
        )
    if not there:
        raise DataError(str(folder), "has no record with a label.", f"Are {RECORD_LIST} and the labels of one release?")
    kept = [study for study in chosen if study in there]
    records = tuple(_record(folder, study, *studies[study]) for study in kept)
    place = {record.record_id: row for row, record in enumerate(records)}
    labels = Labels(place, _packed_targets(said, kept), len(said.classes), _columns(said, kept, studies))
    return Dataset(
        name=NAME,
        spec=record_spec(config.examples, TargetSpec("multi_label", said.classes), RATE_HZ),
        records=records,
        make_examples=partial(read_labelled, settings=config.examples, labels=labels),
        split=partial(split_by_fold, train=TRAIN, validation=VALIDATION, test=TEST),
        protocol=Protocol(
            name=f"{NAME}_{config.labels}",
            describe="Twenty folds of patients, 0 to 19: 18 chooses the epoch, 19 judges, the others train.",
            ranked_by="macro_auc",
        ),
        recipe={"source": NAME, "labels": labels.digest(), "kind": config.labels},
        notes=_notes(config, studies, said, missing),
    )


def read_record_list(path: Path) -> Iterator[tuple[int, tuple[int, str]]]:
    """Study number, then subject number and path without suffix, of each record.

    Raises:
        DataError: Names every line whose path is not where the layout has it, or whose study is there twice.
    """
    seen: set[int] = set()
    faults: list[str] = []
    for line, row in _rows(path, ("subject_id", "study_id", "path")):
        match = PATH.fullmatch(row["path"])
        sound = match and (match[2], match[3], match[4]) == (row["subject_id"], row["study_id"], row["study_id"])
        if not match or not sound or match[1] != match[2][:4]:
            faults.append(f"line {line}: path {row['path'][:60]!r} is not that of its study")
        elif int(row["study_id"]) in seen:
            faults.append(f"line {line}: study {row['study_id']} is there twice")
        else:
            seen.add(int(row["study_id"]))
            yield int(row["study_id"]), (int(row["subject_id"]), row["path"])
    if faults or not seen:
        more = f" and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise DataError(path.name, "; ".join(faults[:MAX_FAULTS]) + more + "." if faults else "names no record.")


def fold_of(subject: int) -> int:
    """The fold of a patient, 0 to 19, by a digest of the number."""
    digest = hashlib.blake2b(str(subject).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % NUM_FOLDS


def _statements(folder: Path, doubtful: bool) -> Said:
    marks: dict[int, array[int]] = {}
    rr_ms: dict[int, float] = {}
    unlabelled: Counter[str] = Counter()
    for line, row in _rows(folder / MEASUREMENTS, ("study_id", "rr_interval", *REPORTS)):
        if not row["study_id"].isdecimal():
            raise DataError(MEASUREMENTS, f"line {line} has no number of a study.")
        study = int(row["study_id"])
        places = label_statements([row[name] for name in REPORTS], doubtful)
        if places is None:
            unlabelled["the machine did not read it"] += 1
        elif not places:
            unlabelled["no statement that a rule knows"] += 1
        else:
            marks[study] = array("H", places)
            rr_ms[study] = measurement(row["rr_interval"])
    return Said(CLASSES, marks, rr_ms=rr_ms, unlabelled=unlabelled)


def _diagnoses(folder: Path, config: MimicIvEcg) -> Said:
    path = folder / DIAGNOSES
    number: dict[str, int] = {}  # of each code, in the order in which they come
    codes: dict[int, array[int]] = {}
    folds: dict[int, int] = {}
    counts: Counter[str] = Counter()
    unlabelled: Counter[str] = Counter()
    for line, row in _rows(path, ("study_id", "strat_fold", config.icd_column)):
        listed = parse_icd_list(row[config.icd_column])
        fold = row["strat_fold"].removesuffix(".0")
        if listed is None or not row["study_id"].isdecimal() or fold not in {str(each) for each in range(NUM_FOLDS)}:
            raise DataError(path.name, f"line {line} has no study, no list of codes or no fold from 0 to 19.")
        every = with_ancestors(listed)
        if not every:
            unlabelled[f"no code in {config.icd_column}"] += 1
            continue
        counts.update(every)
        codes[int(row["study_id"])] = array("H", [number.setdefault(code, len(number)) for code in every])
        folds[int(row["study_id"])] = int(fold)
    classes = frequent(counts, config.icd_least_records)
    if not classes:
        raise DataError(
            path.name, f"no code has {config.icd_least_records} records.", "Lower dataset.icd_least_records."
        )
    place = {number[code]: at for at, code in enumerate(classes)}
    marks = {study: array("H", [place[each] for each in every if each in place]) for study, every in codes.items()}
    bare = [study for study, places in marks.items() if not places]
    unlabelled["only rare codes"] += len(bare)
    return Said(classes, {study: places for study, places in marks.items() if places}, folds, unlabelled=+unlabelled)


def _choose(studies: Mapping[int, tuple[int, str]], said: Said, max_patients: int | None) -> list[int]:
    """Labelled studies in the order of the list; of at most so many patients, those of the least digests."""
    labelled = [study for study in studies if study in said.marks]
    if max_patients is None:
        return labelled
    patients = sorted(
        {studies[study][0] for study in labelled}, key=lambda each: hashlib.blake2b(b"%d" % each).digest()
    )
    wanted = set(patients[:max_patients])
    return [study for study in labelled if studies[study][0] in wanted]


def _record(folder: Path, study: int, subject: int, path: str) -> RecordRef:
    header = folder / f"{path}.hea"
    return RecordRef(str(study), f"p{subject}", (header, header.with_suffix(".dat")))


def _packed_targets(said: Said, studies: list[int]) -> Array:
    packed = np.zeros((len(studies), -(-len(said.classes) // 8)), np.uint8)
    row = np.empty(len(said.classes), np.bool_)
    for place, study in enumerate(studies):
        row[:] = False
        row[said.marks[study]] = True
        packed[place] = np.packbits(row)
    return packed


def _columns(said: Said, studies: list[int], listed: Mapping[int, tuple[int, str]]) -> dict[str, Array]:
    folds = [said.folds[study] if said.folds else fold_of(listed[study][0]) for study in studies]
    columns = {"fold": np.array(folds, np.int16)}
    if said.rr_ms:
        columns["rr_ms"] = np.array([said.rr_ms[study] for study in studies], np.float32)
    return columns


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a table, read as it comes, since the tables are of hundreds of MB.

    Raises:
        DataError: It is missing, no text, lacks a column, or a row is of another length than the heading.
    """
    csv.field_size_limit(MAX_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            head = [name.strip() for name in next(reader, [])]
            absent = [name for name in needed if name not in head]
            if absent:
                raise DataError(path.name, f"has no column {', '.join(absent)}.", ACCESS[path.name])
            for row in reader:
                if len(row) != len(head):
                    raise DataError(path.name, f"line {reader.line_num} has {len(row)} cells, the heading {len(head)}.")
                yield reader.line_num, dict(zip(head, row, strict=True))
    except FileNotFoundError as error:
        raise DataError(str(path), "is missing.", ACCESS[path.name]) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path.name, f"cannot be read ({type(error).__name__}).") from error


def _notes(config: MimicIvEcg, studies: Mapping[int, tuple[int, str]], said: Said, missing: int) -> tuple[str, ...]:
    source = "statements of the machine" if config.labels == "statements" else f"{DIAGNOSES}, {config.icd_column}"
    notes = [f"labels: {source}; {len(said.classes):,} classes"]
    notes += [f"left out: {count:,} records, {reason}" for reason, count in said.unlabelled.items()]
    if len(studies) != NUM_RECORDS:
        notes.append(f"{RECORD_LIST} names {len(studies):,} records; release 1.0 has {NUM_RECORDS:,}")
    if missing:
        notes.append(f"missing records: {missing:,}")
    if config.max_patients is not None:
        notes.append(f"only {config.max_patients:,} patients, drawn by their numbers")
    return tuple(notes)
