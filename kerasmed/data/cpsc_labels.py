"""The nine classes of the China Physiological Signal Challenge 2018: REFERENCE.csv, and the codes that headers hold.

Codes are those by which the Challenge of 2020 converted these records (Perez Alday et al., Physiol. Meas. 41:124003);
it sorts them, so which of several was the first label is known from REFERENCE.csv alone.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.errors import DataError

CLASSES = ("Normal", "AF", "I-AVB", "LBBB", "RBBB", "PAC", "PVC", "STD", "STE")
REFERENCE = "REFERENCE.csv"
HEADING = ["Recording", "First_label", "Second_label", "Third_label"]
RECORD_NAME = re.compile(r"A\d{4}")
SNOMED: Mapping[str, str] = {
    "426783006": "Normal",
    "164889003": "AF",
    "270492004": "I-AVB",
    "164909002": "LBBB",
    "59118001": "RBBB",
    "284470004": "PAC",
    "164884008": "PVC",
    "429622005": "STD",
    "164931005": "STE",
}
DIAGNOSES = re.compile(r"Dx\s*:\s*(.*)")
# Counted from REFERENCE.csv of all 6,877 records; "any" counts A0953, whose first and second label are one, once.
NUM_RECORDS = 6877
FIRST_COUNTS = (918, 1098, 704, 207, 1695, 574, 653, 826, 202)
ANY_COUNTS = (918, 1221, 722, 236, 1857, 616, 700, 869, 220)
MAX_BYTES = 4 << 20


def read_reference(path: Path) -> dict[str, tuple[int, ...]]:
    """Labels of each record of REFERENCE.csv as positions in `CLASSES`, the first label first, each once.

    Raises:
        DataError: Names every line that is no record with one to three of the nine labels.
    """
    text = read_local(path, MAX_BYTES).decode("utf-8-sig", errors="replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows or rows[0] != HEADING:
        raise DataError(path.name, f"does not begin with {','.join(HEADING)}.", "Fetch it again.")
    labels: dict[str, tuple[int, ...]] = {}
    faults = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        numbers = [cell.strip() for cell in row[1:] if cell.strip()]
        known = all(number in set("123456789") for number in numbers)
        if len(row) != len(HEADING) or not numbers or not known or not RECORD_NAME.fullmatch(row[0]):
            faults.append(f"line {line} is no record with labels from 1 to 9")
        elif row[0] in labels:
            faults.append(f"line {line} names {row[0]} again")
        else:
            labels[row[0]] = tuple(dict.fromkeys(int(number) - 1 for number in numbers))
    if faults or not labels:
        raise DataError(path.name, "; ".join(faults) + "." if faults else "names no record.", "Fetch it again.")
    return labels


def labels_of_header(comments: Sequence[str], record: str) -> tuple[int, ...]:
    """Positions in `CLASSES` of what the `Dx` comment of a header says, in its order; names and codes may be mixed.

    Raises:
        DataError: There is no such comment, or it has nothing of the nine classes.
    """
    found = [match.group(1) for match in map(DIAGNOSES.fullmatch, comments) if match]
    if not found:
        raise DataError(record, "has no '# Dx:' line that says its class.", f"Put {REFERENCE} beside the records.")
    said = [SNOMED.get(code.strip(), code.strip()) for code in found[0].split(",")]
    places = tuple(dict.fromkeys(CLASSES.index(name) for name in said if name in CLASSES))
    if not places:
        raise DataError(record, f"'# Dx: {found[0][:60]}' has none of the nine classes.")
    return places
