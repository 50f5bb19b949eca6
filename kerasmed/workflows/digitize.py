"""kerasmed digitize: pages -> leads, one file after another; a bad file is told and does not end the run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.data.readers.page_file import PDF, SUFFIXES, num_pages, read_page_file
from kerasmed.data.records import Array
from kerasmed.errors import ContractError, DataError, KerasmedError
from kerasmed.inference.digitize.diagnosis import Diagnosis, diagnose
from kerasmed.inference.digitize.files import write_page
from kerasmed.inference.digitize.network import maps_by_network
from kerasmed.inference.digitize.orientation import digitize_upright
from kerasmed.inference.digitize.page import DigitizedPage, Wishes
from kerasmed.inference.predictor import Predictor

# The reconstruction and the network are made for pages of up to 8 pixels a millimetre.
LONGEST_SIDE_PX = 2600


@dataclass(frozen=True)
class PageFile:
    """One page of one file.

    Attributes:
        path: PNG, JPEG or PDF.
        number: Of the page in the file, from 0.
        name: What its own files are called.
    """

    path: Path
    number: int
    name: str


@dataclass(frozen=True)
class Read:
    """A page that was read.

    Attributes:
        source: Where it came from.
        page: What was found.
        shape: Height and width of the picture as it was read.
        diagnosis: What a model says of it.
        not_diagnosed: Why it says nothing.
        files: What was written.
    """

    source: PageFile
    page: DigitizedPage
    shape: tuple[int, int]
    diagnosis: Diagnosis | None
    not_diagnosed: str | None
    files: tuple[str, ...]


def digitize_pages(
    paths: tuple[Path, ...],
    out: Path | None,
    wishes: Wishes,
    model: Predictor | None = None,
    then: Predictor | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Read], dict[str, KerasmedError]]:
    """Read the leads off pages, and write what was found of each.

    Args:
        paths: Files, or folders of them.
        out: Folder of the files; nothing is written where there is none.
        wishes: What is known of the pages.
        model: A network that makes maps of pages; by colour and darkness where there is none.
        then: A model of whole records that answers for each page.
        progress: Told the number of pages that are done, and of all.

    Returns:
        What was read, and the fault by name of each file that was not.

    Raises:
        DataError: A folder holds no page, or two pages have one name.
    """
    found: list[Read] = []
    faults: dict[str, KerasmedError] = {}
    files = list_pages(paths, faults)
    for done, file in enumerate(files, start=1):
        try:
            found.append(_one(file, out, wishes, model, then))
        except (DataError, ContractError) as fault:
            faults[file.name] = fault
        progress(done, len(files))
    return found, faults


def list_pages(paths: tuple[Path, ...], faults: dict[str, KerasmedError]) -> list[PageFile]:
    """The pages of files and folders in their order; a file that does not open goes into `faults`.

    Raises:
        DataError: A folder holds no page, or two pages have one name.
    """
    pages: list[PageFile] = []
    for path in paths:
        for file in _files(path):
            try:
                pages += _pages(file)
            except DataError as fault:
                faults[file.name] = fault
    names = [page.name for page in pages]
    for page in pages:
        if names.count(page.name) > 1:
            raise DataError(page.name, "is the name of two pages, whose files would be one.", "Digitize them apart.")
    return pages


def read_pixels(file: PageFile) -> Array:
    """The picture of a page, uint8 (H, W, 3), made smaller where it is far larger than needed.

    Raises:
        DataError: It cannot be read.
    """
    pixels = read_page_file(file.path, file.number)
    longest = max(pixels.shape[:2])
    if longest <= LONGEST_SIDE_PX:
        return pixels
    from PIL import Image

    scale = LONGEST_SIDE_PX / longest
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _one(file: PageFile, out: Path | None, wishes: Wishes, model: Predictor | None, then: Predictor | None) -> Read:
    pixels = read_pixels(file)
    page = digitize_upright(file.name, pixels, wishes, None if model is None else partial(maps_by_network, model))
    written = () if out is None else tuple(write_page(page, pixels, out))
    diagnosis, refusal = None, None
    if then is not None:
        try:
            diagnosis = diagnose(page, then)
        except DataError as fault:
            refusal = str(fault)
    return Read(file, page, (pixels.shape[0], pixels.shape[1]), diagnosis, refusal, written)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(str(path), "holds no page (.png, .jpg or .pdf).", "Name a page or a folder of them.")
    yield from files


def _pages(file: Path) -> list[PageFile]:
    if file.suffix.lower() != PDF:
        return [PageFile(file, 0, file.stem)]
    count = num_pages(file)
    return [PageFile(file, page, f"{file.stem}-{page + 1}" if count > 1 else file.stem) for page in range(count)]
