"""Files that hold pages of ECG paper: PNG and JPEG pictures, and PDF documents of one or several pages."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.readers.ecg_page import read_page_picture
from kerasmed.data.readers.grey import refuse_large
from kerasmed.data.readers.picture import SUFFIXES as PICTURES
from kerasmed.data.readers.picture import read_bytes
from kerasmed.data.records import Array
from kerasmed.errors import DataError, MissingPackageError

PDF = ".pdf"
SUFFIXES = (*PICTURES, PDF)
PDF_DPI = 200.0
MOST_PDF_PAGES = 500
_POINTS_PER_INCH = 72.0


def num_pages(path: Path) -> int:
    """How many pages a file holds: 1 of a picture, which is not opened for that.

    Raises:
        DataError: It is a PDF that cannot be opened, is locked, or has no page or more than 500.
        MissingPackageError: It is a PDF, and pypdfium2 is missing.
    """
    if path.suffix.lower() != PDF:
        return 1
    with _open_pdf(path) as document:
        return _counted(document, path.name)


def read_page_file(path: Path, number: int = 0, dpi: float = PDF_DPI) -> Array:
    """One page of a file, in colour.

    Args:
        path: PNG, JPEG or PDF, told by its suffix.
        number: Which page of a PDF, from 0.
        dpi: Resolution at which a page of a PDF is drawn.

    Returns:
        uint8 (height, width, 3).

    Raises:
        DataError: The file cannot be read, is damaged, locked, too large, or has no such page.
        MissingPackageError: pillow, or for a PDF pypdfium2, is missing.
    """
    if path.suffix.lower() != PDF:
        return read_page_picture(path)
    with _open_pdf(path) as document:
        if not 0 <= number < _counted(document, path.name):
            raise DataError(path.name, f"has {len(document)} pages, and none numbered {number + 1}.")
        return _draw(document[number], f"{path.name}, page {number + 1}", dpi)


def read_all_pages(path: Path, dpi: float = PDF_DPI) -> Iterator[Array]:
    """Every page of a file, as `read_page_file` reads one."""
    for number in range(num_pages(path)):
        yield read_page_file(path, number, dpi)


def _open_pdf(path: Path) -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingPackageError("pypdfium2", "imaging", "reading PDF files") from error
    content = read_bytes(path, path.name)
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        reason = "is locked by a password." if locked else "cannot be read as a PDF document."
        raise DataError(path.name, reason, "Unlock it first." if locked else "") from error


def _counted(document: Any, name: str) -> int:
    count = len(document)
    if not 0 < count <= MOST_PDF_PAGES:
        raise DataError(name, f"has {count} pages; documents have between 1 and {MOST_PDF_PAGES}.")
    return count


def _draw(page: Any, name: str, dpi: float) -> Array:
    scale = dpi / _POINTS_PER_INCH
    width, height = page.get_size()
    refuse_large(name, round(width * scale), round(height * scale))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bitmap = page.render(scale=scale, rev_byteorder=True)
    pixels = np.array(bitmap.to_numpy()[..., :3])
    if pixels.shape[2] != 3:
        return np.repeat(pixels[..., :1], 3, axis=2)
    return pixels
