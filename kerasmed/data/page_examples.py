"""Crops of pages of ECG paper with what is asked of each, at the crop's own pixels."""

from dataclasses import dataclass

import numpy as np

from kerasmed.config.page_crops import PageCrops
from kerasmed.data.readers.ecg_page import PageTruth
from kerasmed.data.records import Array
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

KIND = "page_crops"
RIDGE_PX = 1.5  # standard deviation of the ridge that stands for a zero line
SLOPE_JITTER = 0.01
FULL = 255
TARGETS = {
    "seg": TargetSpec("mask", ("trace",)),
    "grid": TargetSpec("mask", ("line", "major_line")),
    "baseline": TargetSpec("mask", ("zero_line",)),
    "theta": TargetSpec("angle", ("degrees",)),
    "signal": TargetSpec("row_place", ("trace",)),
}


def page_spec(settings: PageCrops) -> ExampleSpec:
    """A crop of a page and the line of one strip in it; five answers. Height and width are free, for whole pages."""
    inputs = {
        "image": ArraySpec((None, None, 3), "uint8", 1 / FULL, "1", channels=("red", "green", "blue")),
        "row": ArraySpec((2,), "float32", 1.0, "px", channels=("y_at_left", "slope")),
    }
    return ExampleSpec(inputs, TARGETS, {"kind": KIND, **settings.model_dump(mode="json")})


@dataclass(frozen=True)
class Window:
    """A part of a page, and how much larger it becomes. Edges are those of pixels: the first pixel is from 0 to 1.

    Attributes:
        left: Its left edge.
        top: Its upper edge.
        zoom: Pixels of the crop to a pixel of the page.
        height: Of the crop.
        width: Of the crop.
    """

    left: float
    top: float
    zoom: float
    height: int
    width: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge on the page."""
        return self.left, self.top, self.left + self.width / self.zoom, self.top + self.height / self.zoom

    def lines(self, y: Array) -> Array:
        """float32 (rows, width): heights given for each column of the page, as heights in each column of the crop."""
        places = (np.arange(self.width) + 0.5) / self.zoom + self.left - 0.5
        low = np.clip(np.floor(places).astype(int), 0, y.shape[1] - 1)
        high = np.minimum(low + 1, y.shape[1] - 1)
        share = np.clip(places - low, 0.0, 1.0)
        between = y[:, low] * (1.0 - share) + y[:, high] * share
        found: Array = ((between + 0.5 - self.top) * self.zoom - 0.5).astype(np.float32)
        found[:, (places < -0.5) | (places > y.shape[1] - 0.5)] = np.nan
        return found


def crops_of(
    name: str, page: Array, truth: PageTruth, px_per_mm: float, settings: PageCrops, rng: np.random.Generator
) -> dict[str, Array]:
    """Crops around strips of a page, and what is asked of each, as `page_spec` names them.

    Args:
        name: Of the page.
        page: uint8 (height, width, 3).
        truth: Of the page.
        px_per_mm: Scale of the page.
        settings: How many crops, how large, at which scales.
        rng: Draws strips, places and scales.

    Raises:
        DataError: There is no trace on the page.
    """
    rows = np.flatnonzero((np.isfinite(truth.trace_y) & np.isfinite(truth.baseline_y)).any(axis=1))
    if not len(rows):
        raise DataError(name, "has no trace.", "Leave it out.")
    masks = _masks(truth)
    made = []
    for place in range(settings.per_page):
        row = int(rows[(place + rng.integers(len(rows))) % len(rows)])
        window = _draw_window(truth, row, px_per_mm, page.shape[:2], settings, rng)
        made.append(_crop(page, masks, truth, row, window, settings.jitter_mm * px_per_mm * window.zoom, rng))
    return {key: np.stack([crop[key] for crop in made]) for key in made[0]}


def cut(picture: Array, window: Window) -> Array:
    """uint8 (height, width, channels) of `window`, in which each pixel is the mean of what it covers, or a blend.

    What lies beyond the page repeats its edge.
    """
    from PIL import Image

    left, top, right, bottom = window.box
    beyond = [max(0, int(np.ceil(over))) for over in (-top, bottom - picture.shape[0], -left, right - picture.shape[1])]
    if any(beyond):
        picture = np.pad(picture, ((beyond[0], beyond[1]), (beyond[2], beyond[3]), (0, 0)), mode="edge")
    box = (left + beyond[2], top + beyond[0], right + beyond[2], bottom + beyond[0])
    size = (window.width, window.height)
    bands = [
        np.asarray(Image.fromarray(np.ascontiguousarray(band)).resize(size, Image.Resampling.BILINEAR, box=box))
        for band in np.moveaxis(picture, -1, 0)
    ]
    return np.stack(bands, axis=-1)


def _masks(truth: PageTruth) -> Array:
    """uint8 (height, width, 3) of 0 and 255: any trace, any line of the grid, a major line."""
    planes = [truth.trace > 0, truth.grid > 0, truth.grid == 2]
    return np.stack(planes, axis=-1).astype(np.uint8) * np.uint8(FULL)


def _draw_window(
    truth: PageTruth, row: int, px_per_mm: float, shape: tuple[int, ...], settings: PageCrops, rng: np.random.Generator
) -> Window:
    least, largest = settings.px_per_mm
    zoom = float(np.exp(rng.uniform(np.log(least), np.log(largest)))) / px_per_mm
    columns = np.flatnonzero(np.isfinite(truth.trace_y[row]) & np.isfinite(truth.baseline_y[row]))
    column = int(rng.choice(columns))
    shift = rng.uniform(-settings.shift_mm, settings.shift_mm) * px_per_mm
    height, width = settings.height / zoom, settings.width / zoom
    left = column - width * rng.uniform(0.2, 0.8)
    top = float(truth.baseline_y[row, column]) + shift - height / 2
    return Window(_within(left, width, shape[1]), _within(top, height, shape[0]), zoom, settings.height, settings.width)


def _within(start: float, length: float, whole: int) -> float:
    """`start`, moved so that as much as can be lies on the page."""
    return float(np.clip(start, min(0.0, whole - length), max(0.0, whole - length)))


def _crop(
    page: Array, masks: Array, truth: PageTruth, row: int, window: Window, jitter_px: float, rng: np.random.Generator
) -> dict[str, Array]:
    zeros, trace = window.lines(truth.baseline_y), window.lines(truth.trace_y[row : row + 1])[0]
    trace[(trace < 0) | (trace > window.height - 1)] = np.nan
    planes = cut(masks, window)
    left, top, right, bottom = window.box
    angle = truth.angle_at((left + right) / 2, (top + bottom) / 2)
    told = _line_of(zeros[row]) + np.array([rng.uniform(-1, 1) * jitter_px, rng.uniform(-1, 1) * SLOPE_JITTER])
    return {
        "image": cut(page, window),
        "row": told.astype(np.float32),
        "seg": planes[..., :1],
        "grid": planes[..., 1:],
        "baseline": _ridges(zeros, window.height),
        "theta": np.array([angle], np.float32),
        "signal": trace.astype(np.float32),
    }


def _line_of(y: Array) -> Array:
    """float64 (2,): y at column 0 and slope of the straight line nearest to the known heights of a line."""
    known = np.flatnonzero(np.isfinite(y))
    if len(known) < 2:
        return np.array([float(y[known[0]]) if len(known) else 0.0, 0.0])
    slope, start = np.polyfit(known, y[known], 1)
    return np.array([start, slope])


def _ridges(zeros: Array, height: int) -> Array:
    """uint8 (height, width, 1): 255 on each line, less beside it."""
    ridge = np.zeros((height, zeros.shape[1]))
    down = np.arange(height)[:, None]
    for line in zeros:
        if np.isfinite(line).any():
            ridge = np.fmax(ridge, np.exp(-0.5 * ((down - line) / RIDGE_PX) ** 2))
    return np.rint(FULL * ridge).astype(np.uint8)[..., None]
