"""A page of ECG paper as a colour picture, and the truth that a simulator wrote beside it."""

import zipfile
import zlib
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np

from kerasmed.data.readers.grey import refuse_large
from kerasmed.data.readers.picture import FORMATS, read_bytes
from kerasmed.data.records import Array
from kerasmed.errors import DataError, MissingPackageError


@dataclass(frozen=True)
class PageTruth:
    """What is known of a page; a pixel's centre has whole coordinates.

    Attributes:
        trace: uint16 (height, width), bit r set where the trace of row r, 0 at the top, covers the pixel.
        grid: uint8 (height, width), 1 on a minor line, 2 on a major one.
        trace_y: float32 (rows, width), y of each row's trace in each column of pixels, NaN where there is none.
        baseline_y: float32 (rows, width), y of each row's zero line, likewise.
        signals: float32 (12, samples), mV at 500 Hz: I, II, III, aVR, aVL, aVF, V1..V6; NaN where not printed.
        homography: float64 (3, 3), from mm on the flat page to pixels.
        angle_deg: Turn of the page, counter-clockwise as seen.
    """

    trace: Array
    grid: Array
    trace_y: Array
    baseline_y: Array
    signals: Array
    homography: Array
    angle_deg: Array

    def angle_at(self, x: float, y: float) -> float:
        """Turn in degrees, counter-clockwise as seen, of the grid's level lines at a pixel."""
        here = np.linalg.solve(self.homography, np.array([x, y, 1.0]))
        here = here / here[2]
        start, end = (self.homography @ (here + np.array([step, 0.0, 0.0])) for step in (-0.5, 0.5))
        across, down = end[:2] / end[2] - start[:2] / start[2]
        return float(np.degrees(np.arctan2(-down, across)))


def read_page_picture(path: Path, name: str | None = None) -> Array:
    """uint8 (height, width, 3) of a PNG or JPEG file; what is transparent is white.

    Raises:
        DataError: It is no such file, or it is damaged or larger than any page.
        MissingPackageError: Pillow is missing.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise MissingPackageError("pillow", "imaging", "reading pictures") from error
    name = name or path.name
    content = read_bytes(path, name)
    try:
        image: Image.Image = Image.open(BytesIO(content), formats=FORMATS)
        refuse_large(name, *image.size)
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, zlib.error, Image.DecompressionBombError) as error:
        raise DataError(name, "cannot be read as a PNG or JPEG picture.") from error


def read_page_truth(path: Path, shape: tuple[int, int]) -> PageTruth:
    """The truth of a page.

    Args:
        path: The `.npz` file.
        shape: Height and width of the page's picture.

    Raises:
        DataError: It is no such file, lacks an array, or is of a picture of another size.
    """
    content = BytesIO(read_bytes(path, path.name))
    try:
        with np.load(content, allow_pickle=False) as stored:
            truth = PageTruth(**{field.name: stored[field.name] for field in fields(PageTruth)})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(path.name, "cannot be read as the truth of a page.", "Simulate the pages again.") from error
    except KeyError as error:
        raise DataError(path.name, f"lacks the array {error.args[0]}.", "Simulate the pages again.") from error
    rows = len(truth.trace_y)
    wanted = {"trace": shape, "grid": shape, "trace_y": (rows, shape[1]), "baseline_y": (rows, shape[1])}
    for name, wanted_shape in {**wanted, "homography": (3, 3)}.items():
        found = getattr(truth, name).shape
        if found != wanted_shape:
            raise DataError(path.name, f"{name} has shape {found}, and its page needs {wanted_shape}.")
    return truth
