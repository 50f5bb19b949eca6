"""PTB-XL at 100 or 500 Hz: six tasks of several labels, split by the folds of the database."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import Ptbxl, RecordExamples
from kerasmed.data import ptbxl_protocol as protocol
from kerasmed.data.dataset import Dataset
from kerasmed.data.folds import with_folds
from kerasmed.data.ptbxl_labels import STATEMENTS, SUPERCLASSES, Task, parse_codes, read_task
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.record_examples import examples_of_record, record_spec
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.splits import split_by_fold
from kerasmed.errors import DataError, unknown
from kerasmed.spec import TargetSpec

TABLE = "ptbxl_database.csv"
FILES = {
    100: ("filename_lr", re.compile(r"records100/\d{5}/\d{5}_lr")),
    500: ("filename_hr", re.compile(r"records500/\d{5}/\d{5}_hr")),
}
NOISE = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems")
COLUMNS = ("ecg_id", "patient_id", "age", "sex", "site", "device", "scp_codes", "strat_fold", "pacemaker", *NOISE)
SEXES = {"0": "male", "1": "female", "": ""}
# The table says 300 of everyone older than 89.
OLDEST = 90.0
SUBGROUPS: Mapping[str, tuple[float, ...]] = {
    "age": (40.0, 60.0, 80.0), "sex": (), "device": (), "site": (), "signal": (), "pacemaker": (),
}  # fmt: skip
MAX_NAMED = 5


@dataclass(frozen=True)
class Row:
    """A record as ptbxl_database.csv tells it.

    Attributes:
        ref: Its name, patient and files.
        label: int8 (num_classes,).
        columns: For the index.
    """

    ref: RecordRef
    label: Array
    columns: Mapping[str, str | np.generic]


def build_ptbxl(config: Ptbxl, data_root: Path) -> Dataset:
    """The records that ptbxl_database.csv lists, those without a label of the task left out.

    Raises:
        DataError: A file is missing or contradicts itself, signal files are missing and `allow_missing` is off, or the
            counts of a whole release are not its own.
    """
    folder = data_root / config.folder
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "kerasmed data download ptbxl, or set --data-dir.")
    task, known = read_task(folder / STATEMENTS, config.task)
    listed = read_table(folder, config.rate_hz, task, known)
    labelled = [row for row in listed if row.label.any()]
    check_release(len(listed), labelled, task)
    rows = [row for row in labelled if all(path.is_file() for path in row.ref.files)]
    missing = [row.ref for row in labelled if not all(path.is_file() for path in row.ref.files)]
    if not rows or (missing and not config.allow_missing):
        raise _missing_error(folder, missing, config)
    table = {row.ref.record_id: row for row in rows}
    dataset = Dataset(
        name="ptbxl",
        spec=record_spec(config.examples, TargetSpec("multi_label", task.classes), float(config.rate_hz)),
        records=tuple(row.ref for row in rows),
        make_examples=partial(read_example, table=table, settings=config.examples),
        split=partial(split_by_fold, train=protocol.TRAIN, validation=protocol.VALIDATION, test=protocol.TEST),
        protocol=protocol.protocol_of(config.task, _badges(len(listed), len(missing))),
        recipe={"source": "ptbxl", "task": config.task, "table": [_told(row) for row in rows]},
        notes=_notes(listed, labelled, missing, config),
        subgroups=SUBGROUPS,
    )
    return with_folds(dataset, folder, config.folds)


def read_example(ref: RecordRef, table: Mapping[str, Row], settings: RecordExamples) -> Examples:
    """Read one record.

    Returns:
        As `examples_of_record`; besides, the index has "fold" (int8), "age" (float32, years, NaN where unknown, 90 from
        90 on), "sex", "device", "site", "signal" ("noisy" where the table remarks on drift, noise or electrodes) and
        "pacemaker".

    Raises:
        DataError: The record cannot be used.
    """
    record = read_record(ref.files[0], settings.leads)
    record = replace(record, record_id=ref.record_id, patient=ref.patient, leads=settings.leads)
    row = table[ref.record_id]
    return examples_of_record(record, settings, row.label, row.columns)


def read_table(folder: Path, rate_hz: int, task: Task, known: frozenset[str]) -> list[Row]:
    """Every record of ptbxl_database.csv, in its order.

    Args:
        folder: Of the database.
        rate_hz: 100 or 500: which files are meant.
        task: What is asked of the records.
        known: All statements that there are.

    Raises:
        DataError: Names the rows that cannot be read.
    """
    head, cells = read_rows(folder / TABLE)
    for column in (*COLUMNS, FILES[rate_hz][0]):
        if column not in head:
            raise unknown(f"column of {TABLE}", column, head)
    rows: list[Row] = []
    faults: list[str] = []
    for number, row in enumerate(cells, start=2):
        try:
            rows.append(_row(folder, row, rate_hz, task, known))
        except ValueError as error:
            faults.append(f"row {number}: {error}")
    twice = [name for name, count in Counter(row.ref.record_id for row in rows).items() if count > 1]
    faults += [f"ecg_id {name} is there twice" for name in twice]
    if faults:
        more = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        raise DataError(TABLE, f"{'; '.join(faults[:MAX_NAMED])}{more}.")
    return rows


def check_release(num_listed: int, labelled: list[Row], task: Task) -> None:
    """Hold the records with a superclass against what was counted of a release, where the table is that of a whole one.

    Raises:
        DataError: A count is another.
    """
    release = protocol.RELEASES.get(num_listed)
    if release is None or task.name != "superdiagnostic":
        return
    positives = tuple(np.sum([row.label for row in labelled], axis=0).tolist())
    parts = (protocol.TRAIN, protocol.VALIDATION, protocol.TEST)
    folds = Counter(int(row.columns["fold"]) for row in labelled)
    dealt = tuple(sum(folds[fold] for fold in part) for part in parts)
    wanted = (release.positives, release.fold_records or dealt)
    if (positives, dealt) != wanted:
        raise DataError(
            TABLE,
            f"has {num_listed:,} records as release {release.name}, but {positives} of {', '.join(SUPERCLASSES)} and "
            f"{dealt} in train, validation and test instead of {wanted[0]} and {wanted[1]}.",
            "Fetch it again: kerasmed data download ptbxl.",
        )


def _row(folder: Path, row: Mapping[str, str], rate_hz: int, task: Task, known: frozenset[str]) -> Row:
    column, pattern = FILES[rate_hz]
    if not pattern.fullmatch(row[column]):
        raise ValueError(f"{column} {row[column][:40]!r} is no name of a record")
    if row["sex"] not in SEXES:
        raise ValueError(f"sex {row['sex'][:20]!r} is neither 0 nor 1")
    fold = _whole(row["strat_fold"], "strat_fold")
    if not 1 <= fold <= 10:
        raise ValueError(f"strat_fold {fold} is not within 1 to 10")
    paths = tuple(folder / f"{row[column]}.{extension}" for extension in ("hea", "dat"))
    ref = RecordRef(str(_whole(row["ecg_id"], "ecg_id")), str(_whole(row["patient_id"], "patient_id")), paths)
    columns: dict[str, str | np.generic] = {
        "fold": np.int8(fold),
        "age": _age(row["age"]),
        "sex": SEXES[row["sex"]],
        "device": " ".join(row["device"].split()),
        "site": "" if not row["site"] else str(_whole(row["site"], "site")),
        "signal": "noisy" if any(row[name] for name in NOISE) else "clean",
        "pacemaker": "yes" if row["pacemaker"] else "no",
    }
    return Row(ref, task.label(parse_codes(row["scp_codes"], known)), columns)


def _whole(text: str, column: str) -> int:
    if not re.fullmatch(r"\d{1,9}(\.0+)?", text):
        raise ValueError(f"{column} {text[:20]!r} is no whole number")
    return int(text.partition(".")[0])


def _age(text: str) -> np.float32:
    if not text:
        return np.float32(np.nan)
    years = float(text)
    if not 0 <= years <= 300:
        raise ValueError(f"age {text[:20]!r} is not within 0 to 300")
    return np.float32(min(years, OLDEST))


def _told(row: Row) -> list[object]:
    """A row as a JSON value that decides what its record becomes."""
    values = (value.item() if isinstance(value, np.generic) else value for value in row.columns.values())
    known = (None if value != value else value for value in values)  # NaN is the one value that differs from itself
    return [row.ref.record_id, row.label.tolist(), *known]


def _missing_error(folder: Path, missing: list[RecordRef], config: Ptbxl) -> DataError:
    named = ", ".join(ref.record_id for ref in missing[:MAX_NAMED]) or "all"
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    return DataError(
        str(folder),
        f"{len(missing)} records of {TABLE} are missing at {config.rate_hz} Hz (.hea or .dat): {named}{more}.",
        "Fetch them with kerasmed data download ptbxl, or go on without: dataset.allow_missing=true.",
    )


def _badges(num_listed: int, num_missing: int) -> tuple[str, ...]:
    if num_listed in protocol.RELEASES and not num_missing:
        return ()
    return (f"part of PTB-XL: {num_listed - num_missing:,} of {max(num_listed, protocol.WHOLE):,} records",)


def _notes(listed: list[Row], labelled: list[Row], missing: list[RecordRef], config: Ptbxl) -> tuple[str, ...]:
    release = protocol.RELEASES.get(len(listed))
    notes = [f"{TABLE}: {'release ' + release.name if release else 'no whole release'}, {len(listed):,} records"]
    if len(labelled) < len(listed):
        notes.append(f"left out, since they have no label of {config.task}: {len(listed) - len(labelled):,} records")
    if missing:
        notes.append(f"missing records ({config.rate_hz} Hz): {len(missing):,} of {len(labelled):,}")
    return tuple(notes)
