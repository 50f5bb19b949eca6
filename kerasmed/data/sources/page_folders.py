"""Folders of pages of ECG paper: simulated ones, those of ecg-image-kit, those of a Kaggle competition, or any.

`find_pages` tells by what lies in a folder which of them it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from kerasmed.data.page_records import PageRef
from kerasmed.data.readers.page_file import SUFFIXES, num_pages
from kerasmed.data.records import Array
from kerasmed.data.sources import ecg_image_kit, kaggle_ecg_digitization
from kerasmed.data.sources.ecg_pages import TABLE, list_pages
from kerasmed.errors import DataError, unknown


@dataclass(frozen=True)
class TruthSignals:
    """The signals in the truth of a simulated page."""

    path: Path

    def read(self) -> Array:
        """As `Printed.read`."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                return np.asarray(stored["signals"])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(self.path.name, "holds no signals of a page.", "Simulate the pages again.") from error


def find_pages(folder: Path, kind: str = "", data_root: Path | None = None) -> tuple[PageRef, ...]:
    """The pages of a folder, in the order of their names or of its table.

    Args:
        folder: Where they are.
        kind: One of `KINDS`; "" finds out.
        data_root: Where records lie that a table names by their place below it; the folder above without it.

    Raises:
        DataError: It is no folder, holds no page, or its table cannot be used.
        UnknownNameError: There is no such kind.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.")
    if kind and kind not in KINDS:
        raise unknown("kind of pages", kind, KINDS)
    return KINDS[kind or kind_of(folder)](folder, data_root or folder.parent)


def kind_of(folder: Path) -> str:
    """Which of `KINDS` a folder looks like."""
    if (folder / TABLE).is_file():
        return "ecg_pages"
    if (folder / kaggle_ecg_digitization.TABLE).is_file():
        return "kaggle_ecg_digitization"
    if ecg_image_kit.is_one(folder):
        return "ecg_image_kit"
    return "pages"


def list_simulated(folder: Path, data_root: Path) -> tuple[PageRef, ...]:
    """What `kerasmed data simulate ecg_pages` wrote."""
    del data_root
    return tuple(
        PageRef(page.name, page.image, 0, page.record, page.patient, page.look, TruthSignals(page.truth))
        for page in list_pages(folder)
    )


def list_unknown(folder: Path, data_root: Path) -> tuple[PageRef, ...]:
    """Every PNG, JPEG and PDF below a folder, each page of a PDF for itself; nothing is known of them."""
    del data_root
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and _is_open(path, folder))
    if not files:
        raise DataError(str(folder), f"holds no page ({', '.join(SUFFIXES)}).")
    return tuple(page for path in files for page in pages_of_file(path, path.relative_to(folder).as_posix()))


def pages_of_file(path: Path, name: str = "") -> tuple[PageRef, ...]:
    """The pages of one file: `name`, or `name#2` for the second of several.

    Raises:
        DataError: It is a PDF that cannot be opened.
    """
    name = name or path.name
    count = num_pages(path)
    return tuple(PageRef(name if count == 1 else f"{name}#{number + 1}", path, number) for number in range(count))


def _is_open(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


KINDS: Mapping[str, Callable[[Path, Path], tuple[PageRef, ...]]] = MappingProxyType(
    {
        "ecg_pages": list_simulated,
        "ecg_image_kit": ecg_image_kit.list_rendered,
        "kaggle_ecg_digitization": kaggle_ecg_digitization.list_competition,
        "pages": list_unknown,
    }
)
