"""Pages rendered by ecg-image-kit (Shivashankara et al. 2024, doi:10.1088/1361-6579/ad4954).

Beside `NAME-0.png` lie `NAME-0.json`, where that was asked for, and the record NAME as WFDB; page N shows the record
from N times ten seconds on. The JSON says from which to which sample each lead is printed (under "leads", in older
releases under "lead_bounding_box"). Where records lie elsewhere, `pairs.csv` names them: image, truth_record.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.page_records import LEADS, NUM_SAMPLES, RATE_HZ, PageRef, on_page
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.readers.picture import SUFFIXES
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.record_patients import patient_of, ptbxl_patients
from kerasmed.data.records import Array
from kerasmed.errors import DataError, unknown

PAIRS = "pairs.csv"
_PAGE = re.compile(r"(?P<record>.+)-(?P<number>\d+)")
_PAGE_S = NUM_SAMPLES / RATE_HZ


@dataclass(frozen=True)
class WfdbSignals:
    """A WFDB record of which a page shows a part.

    Attributes:
        path: Its header file.
        number: Which page: the record from that many times ten seconds on.
        shown: Name, first sample and the sample behind the last of each lead that is printed, at the rate of the
            record; empty where that is not told, so that all of it counts.
    """

    path: Path
    number: int = 0
    shown: tuple[tuple[str, int, int], ...] = ()

    def read(self) -> Array:
        """As `Printed.read`.

        Raises:
            DataError: The record cannot be read or lacks a lead.
        """
        record = read_record(self.path, LEADS)
        signal = record.signal_mv
        if self.shown:
            signal = np.full_like(record.signal_mv, np.nan)
            for lead, start, end in self.shown:
                column = LEADS.index(lead)
                signal[start:end, column] = record.signal_mv[start:end, column]
        first = round(self.number * _PAGE_S * record.rate_hz)
        behind = first + int(np.ceil(_PAGE_S * record.rate_hz))
        return on_page(signal[first:behind], record.rate_hz)


def is_one(folder: Path) -> bool:
    """Whether a folder looks like this: a table of pairs, or a picture with a record of its name."""
    if (folder / PAIRS).is_file():
        return True
    return any(found and path.with_name(f"{found['record']}.hea").is_file() for path, found in _pictures(folder))


def list_rendered(folder: Path, data_root: Path) -> tuple[PageRef, ...]:
    """The pages of a folder and all below, with their records.

    Raises:
        DataError: There is no page, a page has no record, or its JSON cannot be used.
    """
    if (folder / PAIRS).is_file():
        return _paired(folder, data_root)
    known = ptbxl_patients(folder)
    pages = [_page(folder, path, found, known) for path, found in _pictures(folder) if found]
    if not pages:
        raise DataError(str(folder), "holds no page of ecg-image-kit (NAME-0.png).")
    return tuple(pages)


def _pictures(folder: Path) -> list[tuple[Path, re.Match[str] | None]]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return [(path, _PAGE.fullmatch(path.stem)) for path in files]


def _page(folder: Path, path: Path, found: re.Match[str], known: dict[str, str]) -> PageRef:
    name = path.relative_to(folder).with_suffix("").as_posix()
    header = path.with_name(f"{found['record']}.hea")
    if not header.is_file():
        raise DataError(name, f"has no record: {header.name} is missing.", f"Put it there, or name it in {PAIRS}.")
    signals = WfdbSignals(header, int(found["number"]), _shown(path.with_suffix(".json")))
    return PageRef(name, path, 0, found["record"], patient_of(header, known), "", signals)


def _paired(folder: Path, data_root: Path) -> tuple[PageRef, ...]:
    head, rows = read_rows(folder / PAIRS)
    for column in ("image", "truth_record"):
        if column not in head:
            raise unknown(f"column of {PAIRS}", column, head)
    named = [(_below(folder, row["image"]), _below(data_root, f"{row['truth_record']}.hea")) for row in rows]
    known = {place: ptbxl_patients(place) for place in {header.parent for _, header in named}}
    pages = []
    for image, header in named:
        found = _PAGE.fullmatch(image.stem)
        signals = WfdbSignals(header, int(found["number"]) if found else 0, _shown(image.with_suffix(".json")))
        pages.append(PageRef(image.stem, image, 0, header.stem, patient_of(header, known[header.parent]), "", signals))
    return tuple(pages)


def _below(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(PAIRS, f"names {name[:60]!r}, which lies outside {folder.name}.")
    return path


def _shown(path: Path) -> tuple[tuple[str, int, int], ...]:
    if not path.is_file():
        return ()
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        leads: list[dict[str, Any]] = tree.get("leads") or tree.get("lead_bounding_box") or []
        told = [lead for lead in leads if "start_sample" in lead]
        return tuple((_lead(lead["lead_name"]), int(lead["start_sample"]), int(lead["end_sample"])) for lead in told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(path.name, f"does not say which samples are printed ({error}).") from error


def _lead(name: str) -> str:
    by_name = {lead.casefold(): lead for lead in LEADS}
    return by_name[name.casefold().removeprefix("full")]
