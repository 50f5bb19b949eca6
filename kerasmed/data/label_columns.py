"""CSV files beside pictures: which column names them, which could be the class, and where the folders disagree."""

from collections import Counter
from pathlib import Path
from typing import Any

from kerasmed.data.image_tree import FoundImage, ImageTree
from kerasmed.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from kerasmed.data.readers.label_csv import read_rows
from kerasmed.errors import DataError

MAX_CLASSES = 20
MAX_NAMED = 20
LEAST_NAMED_RATE = 0.5
LEAST_AGREEMENT = 0.9
MAX_TABLES = 10


def find_label_columns(tree: ImageTree) -> list[dict[str, Any]]:
    """What each CSV file at the top of a folder says of the pictures below it, as JSON trees."""
    tables = sorted(path for path in tree.root.iterdir() if path.suffix.lower() == ".csv" and path.is_file())
    return [_describe(path, tree) for path in tables[:MAX_TABLES]]


def _describe(path: Path, tree: ImageTree) -> dict[str, Any]:
    try:
        head, rows = read_rows(path)
    except DataError as error:
        return {"file": path.name, "fault": error.reason}
    by_name = {name: image for image in tree.images for name in (image.path.name, image.path.stem)}
    image_column = max(head, key=lambda column: sum(row[column] in by_name for row in rows))
    named = [row for row in rows if row[image_column] in by_name]
    if len(named) < LEAST_NAMED_RATE * min(len(rows), len(tree.images)):
        return {"file": path.name, "rows": len(rows), "image_column": None}
    labels = {by_name[row[image_column]].path: by_name[row[image_column]].label for row in named}
    columns = {
        column: dict(Counter(row[column] for row in rows).most_common())
        for column in head
        if column != image_column and 1 < len({row[column] for row in rows}) <= MAX_CLASSES
    }
    return {
        "file": path.name,
        "rows": len(rows),
        "image_column": image_column,
        "rows_without_picture": len(rows) - len(named),
        "pictures_without_row": len(tree.images) - len(labels),
        "columns": columns,
        "disagree": _disagreeing(named, image_column, columns, by_name),
    }


def _disagreeing(
    rows: list[dict[str, str]], image_column: str, columns: dict[str, Any], by_name: dict[str, FoundImage]
) -> dict[str, Any] | None:
    """The column that follows the class folders best, what its values mean, and the pictures that lie elsewhere.

    A column with a value for each folder goes before one that says more, such as a number of findings.
    """
    folders = [by_name[row[image_column]].label for row in rows]
    best: dict[str, Any] | None = None
    order: tuple[bool, float] = (False, LEAST_AGREEMENT)
    for column in columns:
        meaning = _meaning([row[column] for row in rows], folders)
        other = [row[image_column] for row, label in zip(rows, folders, strict=True) if meaning[row[column]] != label]
        rank = (len(meaning) == len(set(meaning.values())), 1 - len(other) / len(rows))
        if len(set(meaning.values())) > 1 and rank[1] >= LEAST_AGREEMENT and rank > order:
            order = rank
            best = {
                "column": column, "means": meaning, "agreement": round(rank[1], 4), "pictures": _told(other, by_name)
            }  # fmt: skip
    return best


def _meaning(values: list[str], folders: list[str]) -> dict[str, str]:
    """Value to the folder in which most of its pictures lie."""
    counts: dict[str, Counter[str]] = {}
    for value, label in zip(values, folders, strict=True):
        counts.setdefault(value, Counter())[label] += 1
    return {value: found.most_common(1)[0][0] for value, found in counts.items()}


def _told(names: list[str], by_name: dict[str, FoundImage]) -> list[str]:
    shown = [name for name in names if by_name[name].path.suffix.lower() not in DICOM_SUFFIXES]
    hidden = len(names) - len(shown)
    return [*shown[:MAX_NAMED], *([f"and {hidden} DICOM files"] if hidden else [])]
