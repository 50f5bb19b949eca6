"""Pages of ECG paper with exact truth, as `kerasmed data simulate ecg_pages` writes them."""

import csv
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.page_crops import EcgPageSet, PageCrops
from kerasmed.data.dataset import Dataset, Index, Protocol, Splits
from kerasmed.data.page_examples import crops_of, page_spec
from kerasmed.data.readers.ecg_page import read_page_picture, read_page_truth
from kerasmed.data.records import Examples, RecordRef
from kerasmed.data.splits import split_by_patient
from kerasmed.errors import DataError

TABLE, TRUTH = "pages.csv", "truth"
COLUMNS = ("page", "image", "patient", "layout", "px_per_mm", "look")
REMEDY = "kerasmed data simulate ecg_pages writes such a folder."


@dataclass(frozen=True)
class ListedPage:
    """A row of `pages.csv`: the page, who was recorded, its layout, its scale, its look and the record it shows."""

    name: str
    image: Path
    truth: Path
    patient: str
    layout: str
    px_per_mm: float
    look: str
    record: str = ""


def build_ecg_pages(config: EcgPageSet, data_root: Path) -> Dataset:
    """The pages of a folder, cut into crops.

    Raises:
        DataError: There is no such folder, or its table cannot be used.
    """
    pages = list_pages(data_root / config.folder)[: config.max_pages]
    table = {page.name: page for page in pages}
    return Dataset(
        name=Path(config.folder).name,
        spec=page_spec(config.examples),
        records=tuple(RecordRef(page.name, page.patient, (page.image, page.truth)) for page in pages),
        make_examples=partial(read_crops, table=table, settings=config.examples),
        split=partial(_split, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol("ecg_pages", "Pages are dealt to train, validation and test by who was recorded."),
        recipe={"source": "ecg_pages", "scales": {page.name: page.px_per_mm for page in pages}},
        subgroups={"layout": (), "look": ()},
    )


def list_pages(folder: Path) -> list[ListedPage]:
    """The pages that `pages.csv` names.

    Raises:
        DataError: The table is missing, empty, or lacks a column or a number.
    """
    path = folder / TABLE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(str(path), "cannot be read.", REMEDY) from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise DataError(str(path), f"has no row, or lacks one of the columns {', '.join(COLUMNS)}.", REMEDY)
    return [_listed(folder, row) for row in rows]


def read_crops(ref: RecordRef, table: Mapping[str, ListedPage], settings: PageCrops) -> Examples:
    """Cut a page into crops; the same page gives the same crops.

    Raises:
        DataError: The page or its truth cannot be used.
    """
    listed = table[ref.record_id]
    page = read_page_picture(listed.image)
    truth = read_page_truth(listed.truth, (page.shape[0], page.shape[1]))
    rng = np.random.default_rng(zlib.crc32(ref.record_id.encode()))
    arrays = crops_of(ref.record_id, page, truth, listed.px_per_mm, settings, rng)
    told = {"record": ref.record_id, "patient": ref.patient, "layout": listed.layout, "look": listed.look}
    index = {name: np.full(settings.per_page, value) for name, value in told.items()}
    index["id"] = np.array([f"{ref.record_id}:{number}" for number in range(settings.per_page)], np.str_)
    return Examples(arrays, index)


def _split(index: Index, seed: int, *, validation_rate: float, test_rate: float) -> Splits:
    alike = {**index, "label": np.zeros(len(index["id"]), np.int8)}
    return split_by_patient(alike, seed, validation_rate=validation_rate, test_rate=test_rate)


def _listed(folder: Path, row: Mapping[str, str]) -> ListedPage:
    name = row["page"]
    image = Path(row["image"])
    if not name or image.is_absolute() or ".." in image.parts or Path(name).name != name:
        raise DataError(f"page {name!r}", "is no name of a page, or lies outside its folder.", REMEDY)
    try:
        scale = float(row["px_per_mm"])
    except ValueError as error:
        raise DataError(name, f"px_per_mm is {row['px_per_mm']!r}, which is no number.", REMEDY) from error
    if not 0.5 <= scale <= 100:
        raise DataError(name, f"px_per_mm is {scale:g}; pages have between 0.5 and 100.", REMEDY)
    truth = folder / TRUTH / f"{name}.npz"
    told = row.get("record", "")
    return ListedPage(name, folder / image, truth, row["patient"], row["layout"], scale, row["look"], told)
