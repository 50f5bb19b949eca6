"""A user's table of labels: a record in each row, its patient, and its class in one column or a column for each class.

Every fault of the file is found before one is told, and all are in one message with the numbers of their lines.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.records import Array
from kerasmed.errors import DataError
from kerasmed.spec import Task

MAX_BYTES = 256 << 20
MAX_LINES = 20
MAX_CLASSES = {"single_label": 127, "multi_label": 4096}
RECORD_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
SEPARATOR = ";"  # of several labels in one cell
TRUTH = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


@dataclass(frozen=True)
class Columns:
    """Which columns say what.

    Attributes:
        record: Name of the record.
        patient: Whose it is; None where each record is a patient of its own.
        label: Class of the record; None where each class has a column of 0 and 1.
        classes: In the order of the scores; empty: what the label column holds, sorted, or all other columns.
        task: multi_label: a record may have several classes, separated by ";" in a label column, or none.
    """

    record: str = "record"
    patient: str | None = "patient"
    label: str | None = "label"
    classes: tuple[str, ...] = ()
    task: Task = "single_label"


@dataclass(frozen=True)
class RecordLabels:
    """What the table says, in its order.

    Attributes:
        records: Names.
        patients: One for each record.
        classes: Names, in the order of the scores.
        targets: int8 (n,), position in `classes`, of single_label; 0 or 1 (n, num_classes) of multi_label.
    """

    records: tuple[str, ...]
    patients: tuple[str, ...]
    classes: tuple[str, ...]
    targets: Array


@dataclass
class _Faults:
    """What is wrong, and on which lines."""

    lines: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, line: int) -> None:
        self.lines[what].append(line)

    def raise_if_any(self, path: Path, remedy: str) -> None:
        """One `DataError` with all faults, in the order of their first lines."""
        if self.lines:
            told = sorted(self.lines.items(), key=lambda fault: fault[1][0])
            raise DataError(path.name, "; ".join(f"{_numbered(lines)}: {what}" for what, lines in told) + ".", remedy)


def read_record_csv(path: Path, columns: Columns, is_there: Callable[[str], bool]) -> RecordLabels:
    """The labels of a table of records; a byte order mark, CRLF and quoted cells are read as they are meant.

    Args:
        path: The CSV file, in UTF-8, with a heading.
        columns: Which of its columns say what.
        is_there: Whether there is a record of this name, which may hold "/" but leads nowhere outside.

    Raises:
        DataError: Names every fault with its line: a column that is missing or there twice, a row of another length,
            a record that is missing, named twice or unnamed, a row without patient or label, an unknown class, a
            value of a class column that is not 0 or 1; or the file is empty, no text, or has a single class.
    """
    faults = _Faults()
    head, rows = _read_table(path)
    _check_head(head, columns, faults)
    faults.raise_if_any(path, f"Columns: {', '.join(head)}.")  # cells mean nothing without their heading
    if not rows:
        raise DataError(path.name, "has no row below its heading.")
    for line, row in rows:
        if len(row) != len(head):
            faults.add(f"{len(row)} cells, and the heading has {len(head)}", line)
    cells = [(line, dict(zip(head, row, strict=True))) for line, row in rows if len(row) == len(head)]
    _check_names(cells, columns, is_there, faults)
    classes, marks = _marks(cells, head, columns, faults)
    faults.raise_if_any(path, f"Classes: {', '.join(columns.classes)}." if columns.classes else "")
    targets = marks if columns.task == "multi_label" else marks.argmax(axis=1).astype(np.int8)
    _check_classes(path, classes, targets)
    records = tuple(row[columns.record] for _, row in cells)
    patients = records if columns.patient is None else tuple(row[columns.patient] for _, row in cells)
    return RecordLabels(records, patients, classes, targets)


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The heading, and every row with the number of its first line."""
    content = read_local(path, MAX_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(path.name, f"line {line} is not UTF-8.", "Save it as CSV in UTF-8.") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    table: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                table.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(path.name, f"line {line}: {error}.", "Close every quote that is opened.") from error
    if not table:
        raise DataError(path.name, "is empty.", "Its first line names the columns, such as record,patient,label.")
    return table[0][1], table[1:]


def _check_head(head: list[str], columns: Columns, faults: _Faults) -> None:
    for name in dict.fromkeys(name for name in head if head.count(name) > 1):
        faults.add(f"column {name!r} is there {head.count(name)} times", 1)
    wanted = [columns.record, columns.patient, columns.label]
    if columns.label is None:
        wanted += columns.classes
    for asked in wanted:
        if asked is not None and asked not in head:
            faults.add(f"no column {asked!r}", 1)


def _check_names(
    cells: list[tuple[int, dict[str, str]]], columns: Columns, is_there: Callable[[str], bool], faults: _Faults
) -> None:
    first_line: dict[str, int] = {}
    for line, row in cells:
        name = row[columns.record]
        if not name:
            faults.add("no record is named", line)
        elif not RECORD_NAME.fullmatch(name):
            faults.add(f"{name[:40]!r} is no name of a record", line)
        elif name in first_line:
            faults.add(f"record {name!r} is on line {first_line[name]} already", line)
        elif not is_there(name):
            faults.add(f"there is no record {name!r}", line)
        first_line.setdefault(name, line)
        if columns.patient is not None and not row[columns.patient]:
            faults.add("no patient is named", line)


def _marks(
    cells: list[tuple[int, dict[str, str]]], head: list[str], columns: Columns, faults: _Faults
) -> tuple[tuple[str, ...], Array]:
    """The classes, and int8 (n, num_classes), 1 where a row has the class; a faulty row has no meaning."""
    if columns.label is None:
        classes = columns.classes or tuple(name for name in head if name not in (columns.record, columns.patient))
        marks = [[_mark(row[name], name, line, faults) for name in classes] for line, row in cells]
    else:
        said = [_split(row[columns.label], columns.task) for _, row in cells]
        classes = columns.classes or tuple(sorted({name for names in said for name in names}))
        for (line, _), names in zip(cells, said, strict=True):
            for name in names:
                if name not in classes:
                    faults.add(f"class {name[:40]!r} is unknown", line)
        marks = [[int(name in names) for name in classes] for names in said]
    if columns.task == "single_label":
        _check_single(cells, marks, faults)
    return classes, np.array(marks, dtype=np.int8).reshape(len(cells), len(classes))


def _check_single(cells: list[tuple[int, dict[str, str]]], marks: list[list[int]], faults: _Faults) -> None:
    faulty = {line for lines in faults.lines.values() for line in lines}
    for (line, _), num_true in zip(cells, map(sum, marks), strict=True):
        if num_true != 1 and line not in faulty:
            faults.add("no class" if num_true == 0 else f"{num_true} classes, where one is asked for", line)


def _split(cell: str, task: Task) -> list[str]:
    if task == "single_label":
        return [cell] if cell else []
    return [name.strip() for name in cell.split(SEPARATOR) if name.strip()]


def _mark(cell: str, name: str, line: int, faults: _Faults) -> int:
    if cell not in TRUTH:
        faults.add(f"column {name!r} holds {cell[:20]!r}, not 0 or 1" if cell else f"column {name!r} is empty", line)
    return TRUTH.get(cell, 0)


def _check_classes(path: Path, classes: tuple[str, ...], targets: Array) -> None:
    single = targets.ndim == 1
    most = MAX_CLASSES["single_label" if single else "multi_label"]
    if len(classes) > most:
        raise DataError(path.name, f"has {len(classes)} classes; at most {most} are read.", "Is it the right column?")
    found = np.unique(targets) if single else np.flatnonzero(targets.any(axis=0))
    if single and len(found) < 2:
        raise DataError(path.name, f"has a single class ({classes[int(found[0])]!r}): there is nothing to tell apart.")
    never = [name for place, name in enumerate(classes) if place not in found]
    always = [] if single else [classes[place] for place in np.flatnonzero(targets.all(axis=0))]
    if never or always:
        listed = [
            *(f"no record has class {name!r}" for name in never),
            *(f"every record has {name!r}" for name in always),
        ]
        raise DataError(path.name, "; ".join(listed) + ".", "Name the classes that vary in dataset.classes.")


def _numbered(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:MAX_LINES])) + (f" and {len(lines) - MAX_LINES} more" * (len(lines) > MAX_LINES))
    return f"line {shown}" if len(lines) == 1 else f"lines {shown}"
