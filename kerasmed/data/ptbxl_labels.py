"""The statements of PTB-XL and its six tasks, from scp_statements.csv and the column scp_codes of ptbxl_database.csv.

Labels are made as the benchmark makes them (Strodthoff et al., IEEE JBHI 25:1519, 2021, and its code): every statement
of a record counts, however likely it is said to be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.records import Array
from kerasmed.errors import DataError, unknown

STATEMENTS = "scp_statements.csv"
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
# A dict of Python in text, which is read by this grammar alone and never evaluated.
_PAIR = r"\s*'([A-Za-z0-9_()/-]{1,16})'\s*:\s*(\d{1,3}(?:\.\d{1,6})?)\s*"
_CODES = re.compile(rf"\{{(?:{_PAIR}(?:,{_PAIR})*)?\s*\}}")
_ONE = re.compile(_PAIR)
_MAX_CODES = 4096


@dataclass(frozen=True)
class Task:
    """One question asked of PTB-XL.

    Attributes:
        name: As the benchmark calls it.
        classes: In the order of the scores.
        classes_of: Statement to the class that it stands for; other statements say nothing.
    """

    name: str
    classes: tuple[str, ...]
    classes_of: Mapping[str, str]

    def label(self, codes: Mapping[str, float]) -> Array:
        """int8 (num_classes,): 1 for each class that a statement of `codes` stands for; how likely it is is ignored."""
        found = {self.classes_of[code] for code in codes if code in self.classes_of}
        return np.array([name in found for name in self.classes], np.int8)


def read_task(path: Path, name: str) -> tuple[Task, frozenset[str]]:
    """A task, and all statements that there are.

    Args:
        path: scp_statements.csv.
        name: superdiagnostic, subdiagnostic, diagnostic, form, rhythm or all.

    Raises:
        DataError: The file cannot be read, a column is missing, or a statement stands in it twice.
    """
    head, rows = read_rows(path)
    for column in ("", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"):
        if column not in head:
            raise unknown(f"column of {path.name}", column or "(statements, without a heading)", head)
    codes = [row[""] for row in rows]
    if len(set(codes)) < len(codes):
        raise DataError(path.name, "has a statement twice.")
    classes_of = {row[""]: _class_of(row, name) for row in rows}
    classes_of = {code: found for code, found in classes_of.items() if found}
    classes = sorted(set(classes_of.values()))
    if name == "superdiagnostic":
        if set(classes) != set(SUPERCLASSES):
            raise DataError(path.name, f"has the superclasses {', '.join(classes)}, not {', '.join(SUPERCLASSES)}.")
        classes = list(SUPERCLASSES)
    return Task(name, tuple(classes), classes_of), frozenset(codes)


def _class_of(row: Mapping[str, str], task: str) -> str:
    """The class that a statement stands for in a task; "" where it has no part in it."""
    if task == "all":
        return row[""]
    column = {"form": "form", "rhythm": "rhythm"}.get(task, "diagnostic")
    if not row[column] or float(row[column]) != 1:
        return ""
    return row[{"superdiagnostic": "diagnostic_class", "subdiagnostic": "diagnostic_subclass"}.get(task, "")]


def parse_codes(text: str, known: frozenset[str]) -> dict[str, float]:
    """Statement to likelihood in per cent, from text such as "{'NORM': 100.0, 'SR': 0.0}".

    Raises:
        ValueError: It is anything else, names a statement twice or one that there is not, or a likelihood beyond 100.
    """
    if len(text) > _MAX_CODES or not _CODES.fullmatch(text):
        raise ValueError(f"scp_codes {text[:40]!r} are no dict of statements")
    pairs = [(match.group(1), float(match.group(2))) for match in _ONE.finditer(text)]
    codes = dict(pairs)
    if len(codes) < len(pairs):
        raise ValueError(f"scp_codes {text[:40]!r} name a statement twice")
    strange = sorted(set(codes) - known)
    if strange:
        raise ValueError(f"scp_codes name {strange[0]!r}, which is not in {STATEMENTS}")
    if any(likelihood > 100 for likelihood in codes.values()):
        raise ValueError(f"scp_codes {text[:40]!r} have a likelihood above 100")
    return codes
