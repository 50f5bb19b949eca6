"""Tables that name a picture in each row and say its class; every fault of the file in one message."""

import csv
import io
from collections import Counter
from pathlib import Path

from kerasmed.errors import DataError, unknown

MAX_BYTES = 256 * 1024**2
MAX_NAMED = 5


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a CSV file with a heading; a byte order mark and CRLF line ends are passed over.

    Raises:
        DataError: It is missing, empty, too large, no text, or has rows of another length than its heading.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(path.name, f"is larger than {MAX_BYTES:,} bytes.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path.name, f"cannot be read ({type(error).__name__}).") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        table = [row for row in reader if row]
    except csv.Error as error:
        raise DataError(path.name, f"line {reader.line_num}: {error}.") from error
    if len(table) < 2:
        raise DataError(path.name, "has no row below its heading.")
    head = [name.strip() for name in table[0]]
    doubled = [name for name, count in Counter(head).items() if count > 1]
    wrong = [number for number, row in enumerate(table[1:], start=2) if len(row) != len(head)]
    if doubled or wrong:
        what = f"column {doubled[0]!r} is there twice" if doubled else f"row {wrong[0]} has another number of columns"
        raise DataError(path.name, f"{what} ({len(head)} columns, {len(wrong)} rows that differ).")
    return head, [dict(zip(head, (cell.strip() for cell in row), strict=True)) for row in table[1:]]


def read_labels(path: Path, image: str, label: str, values: dict[str, str]) -> dict[str, str]:
    """Class by the name of the picture, as the file writes that name.

    Args:
        path: The CSV file.
        image: Column of names.
        label: Column of classes.
        values: From what is in that column to the class; empty where it is the class.

    Raises:
        DataError: Names every row that has no name or no known class, and pictures that have two classes.
        UnknownNameError: A column is missing.
    """
    head, rows = read_rows(path)
    for column in (image, label):
        if column not in head:
            raise unknown(f"column of {path.name}", column, head)
    said: dict[str, str] = {}
    faults: list[str] = []
    for number, row in enumerate(rows, start=2):
        name, value = row[image], row[label]
        if not name or not value or (values and value not in values):
            faults.append(f"row {number}: {'no name' if not name else f'class {value[:20]!r}'}")
        elif said.setdefault(name, values.get(value, value)) != values.get(value, value):
            # Not by its name, which may be the patient's.
            faults.append(f"row {number}: another class than a row above gives the same picture")
    if faults:
        more = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        known = f"Known classes: {', '.join(values)}." if values else ""
        raise DataError(path.name, f"{'; '.join(faults[:MAX_NAMED])}{more}.", known)
    return said
