"""Folds from a table that others published: whole patients, the very file that is meant, and nobody in two folds."""

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import Folds
from kerasmed.data.dataset import Dataset, Index, Splits
from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.splits import PARTS
from kerasmed.errors import DataError, unknown

MAX_BYTES, MAX_NAMED = 256 << 20, 5
WHOLE = re.compile(r"\d{1,4}(\.0)?")


@dataclass(frozen=True)
class FoldTable:
    """Which fold each record is in, by its id."""

    folds: dict[str, int]


def read_folds(folder: Path, settings: Folds) -> FoldTable:
    """The folds that a CSV file below `folder` says.

    Raises:
        DataError: The file is missing, has another digest, or is no such table; a record stands in it twice, or a
            patient in two folds. All faults of the rows are in one message.
        UnknownNameError: A column is missing.
    """
    path = folder / settings.file
    content = read_local(path, MAX_BYTES)
    found = sha256(content).hexdigest()
    if found != settings.sha256:
        raise DataError(
            path.name, f"has the SHA-256 {found}, and dataset.folds.sha256 is {settings.sha256}: another file.",
            "Fetch the file that is meant, or say the digest of this one.",
        )  # fmt: skip
    rows = _rows(path, content, settings)
    faults: list[str] = []
    folds: dict[str, int] = {}
    of_patient: dict[str, set[int]] = defaultdict(set)
    for line, (record, patient, fold) in rows:
        if not record or not patient or not WHOLE.fullmatch(fold):
            faults.append(f"line {line}: needs a record, a patient and a whole number as its fold")
        elif record in folds:
            faults.append(f"line {line}: record {record[:40]!r} is there twice")
        else:
            folds[record] = int(float(fold))
            of_patient[patient].add(folds[record])
    split = [patient for patient, where in of_patient.items() if len(where) > 1]
    faults += [f"patient {patient[:40]!r} is in folds {', '.join(map(str, sorted(of_patient[patient])))}"
               for patient in split]  # fmt: skip
    if faults:
        more = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        raise DataError(path.name, f"{'; '.join(faults[:MAX_NAMED])}{more}.")
    return FoldTable(folds)


def with_folds(dataset: Dataset, folder: Path, settings: Folds | None) -> Dataset:
    """`dataset` split by the folds of a file, without the records that it does not name; as it is without `settings`.

    Raises:
        DataError: The file cannot be used, or names none of the records.
    """
    if settings is None:
        return dataset
    table = read_folds(folder, settings)
    records = tuple(record for record in dataset.records if record.record_id in table.folds)
    if not records:
        names = f"{next(iter(table.folds), '')!r} there, {dataset.records[0].record_id!r} here"
        raise DataError(settings.file, f"names none of the records ({names}).", "Is dataset.folds.record the column?")
    parts = [_listed(folds) for folds in (settings.train, settings.validation, settings.test)]
    protocol = replace(
        dataset.protocol,
        name=f"{dataset.protocol.name}_folds",
        describe=f"Folds of {settings.file} (SHA-256 {settings.sha256[:12]}): {parts[0]} train, {parts[1]} choose the "
        f"epoch, {parts[2]} judge.",
        published=(),
        ranked_by="",
    )
    return replace(
        dataset,
        records=records,
        split=partial(split_by_table, folds=table.folds, settings=settings),
        protocol=protocol,
        notes=(*dataset.notes, *_notes(dataset, table, len(records), settings)),
    )


def split_by_table(index: Index, seed: int, *, folds: dict[str, int], settings: Folds) -> Splits:
    """Rows by the fold of their record; the seed decides nothing.

    Raises:
        DataError: A part has no example.
    """
    del seed
    fold = np.array([folds[record] for record in index["record"].tolist()])
    rows = [np.flatnonzero(np.isin(fold, named)) for named in (settings.train, settings.validation, settings.test)]
    for part, named, found in zip(PARTS, (settings.train, settings.validation, settings.test), rows, strict=True):
        if not len(found):
            raise DataError(f"folds {_listed(named)}", f"the {part} part would hold no example.")
    return Splits(*rows)


def _rows(path: Path, content: bytes, settings: Folds) -> list[tuple[int, tuple[str, str, str]]]:
    """The number of each line, and what it says of record, patient and fold."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path.name, f"is no CSV file in UTF-8 ({error}).") from error
    if len(table) < 2:
        raise DataError(path.name, "has no row below its heading.")
    head = table[0][1]
    for column in (settings.record, settings.patient, settings.fold):
        if column not in head:
            raise unknown(f"column of {path.name}", column, head)
    short = next((line for line, row in table if len(row) != len(head)), None)
    if short is not None:
        raise DataError(path.name, f"line {short} has another number of cells than the heading.")
    record, patient, fold = (head.index(name) for name in (settings.record, settings.patient, settings.fold))
    return [(line, (row[record], row[patient], row[fold])) for line, row in table[1:]]


def _notes(dataset: Dataset, table: FoldTable, kept: int, settings: Folds) -> tuple[str, ...]:
    notes = [f"folds: {settings.file}, SHA-256 {settings.sha256}"]
    if kept < len(dataset.records):
        notes.append(f"records that {settings.file} does not name, left out: {len(dataset.records) - kept:,}")
    if kept < len(table.folds):
        notes.append(f"records of {settings.file} that are not here: {len(table.folds) - kept:,}")
    return tuple(notes)


def _listed(folds: tuple[int, ...]) -> str:
    return ", ".join(map(str, folds))
