"""Pages of the Kaggle competition PhysioNet - Digitization of ECG Images (2025).

`train.csv` has the columns id, fs and sig_len; `train/ID/ID.csv` the twelve leads in mV, empty where not printed; and
`train/ID/ID-0001.png` and its like the pages, each kind under its own number. Who was recorded is not told.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmed.data.page_records import NUM_SAMPLES, RATE_HZ, PageRef, need_leads, on_page
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.readers.picture import SUFFIXES
from kerasmed.data.records import Array
from kerasmed.errors import DataError, unknown

TABLE = "train.csv"
COLUMNS = ("id", "fs", "sig_len")
# What the competition says of its kinds of pages.
LOOKS = {
    "0001": "rendered", "0003": "colour scan", "0004": "grey scan", "0005": "phone photo", "0006": "photo of a screen",
    "0009": "stained", "0010": "damaged", "0011": "mould, colour scan", "0012": "mould, grey scan",
}  # fmt: skip


@dataclass(frozen=True)
class CsvSignals:
    """A table of twelve leads in mV, a row for each sample.

    Attributes:
        path: The file.
        rate_hz: Its rate.
        num_rows: How many rows it has.
    """

    path: Path
    rate_hz: float
    num_rows: int

    def read(self) -> Array:
        """As `Printed.read`.

        Raises:
            DataError: The file lacks a lead, has other rows than it should, or holds what is no number.
        """
        head, values = _numbers(self.path)
        if len(values) != self.num_rows:
            raise DataError(self.path.name, f"has {len(values)} rows, and {TABLE} says {self.num_rows}.")
        most = int(np.ceil(NUM_SAMPLES * self.rate_hz / RATE_HZ))
        return on_page(values[:most, need_leads(head, self.path.name)], self.rate_hz)


def list_competition(folder: Path, data_root: Path) -> tuple[PageRef, ...]:
    """The pages of all records that `train.csv` names.

    Raises:
        DataError: The table cannot be used, or a record has no page.
    """
    del data_root
    head, rows = read_rows(folder / TABLE)
    for column in COLUMNS:
        if column not in head:
            raise unknown(f"column of {TABLE}", column, head)
    return tuple(page for row in rows for page in _pages_of(folder, row))


def _pages_of(folder: Path, row: dict[str, str]) -> list[PageRef]:
    name = row["id"]
    if Path(name).name != name or name in ("", ".", ".."):
        raise DataError(TABLE, f"names {name[:40]!r}, which is no record.")
    try:
        rate_hz, num_rows = float(row["fs"]), int(row["sig_len"])
    except ValueError as error:
        raise DataError(name, f"fs {row['fs']!r} or sig_len {row['sig_len']!r} is no number.") from error
    if not (0 < rate_hz <= 10_000 and num_rows > 0):
        raise DataError(name, f"fs {rate_hz:g} or sig_len {num_rows} cannot be meant.")
    place = folder / "train" / name
    images = sorted(path for path in place.glob(f"{name}-*") if path.suffix.lower() in SUFFIXES)
    if not images:
        raise DataError(name, "has no page.", f"They are in {place.name}/ of the competition's archive.")
    signals = CsvSignals(place / f"{name}.csv", rate_hz, num_rows)
    return [
        PageRef(path.stem, path, 0, name, name, LOOKS.get(path.stem.rpartition("-")[2], ""), signals) for path in images
    ]


def _numbers(path: Path) -> tuple[tuple[str, ...], Array]:
    """Names of the columns, and float64 (rows, columns), NaN where a cell is empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *cells = list(csv.reader(file))
        table = [[float(cell) if cell.strip() else np.nan for cell in row] for row in cells]
        return tuple(head), np.array(table, np.float64).reshape(len(table), len(head))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(path.name, "cannot be read as a table of leads.") from error
