"""The lines of a page, and the truth that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasmed.data.page_records import LEADS
from kerasmed.data.records import Array
from kerasmed.data.simulate import page_truth
from kerasmed.data.simulate.page_ink import Canvas, map_points
from kerasmed.data.simulate.page_layout import PagePlan, strip_lines
from kerasmed.data.simulate.page_style import PageStyle

MINOR_MM, MAJOR_EVERY = 1.0, 5
MINOR, MAJOR = 1, 2  # in the grid's mask


@dataclass(frozen=True)
class Drawing:
    """A page as lines in mm.

    Attributes:
        minor: Lines 1 mm apart, vertical and horizontal ones: two arrays (n, 2, 2).
        major: Lines 5 mm apart, likewise.
        rows: Of each row the lines that its leads draw.
    """

    minor: tuple[Array, Array]
    major: tuple[Array, Array]
    rows: tuple[tuple[Array, ...], ...]


def draw_page(plan: PagePlan, style: PageStyle, signals_mv: Array, rate_hz: float) -> Drawing:
    """Lay out the lines of a page.

    Args:
        plan: Where.
        style: Of it the place of the grid, and whether there are minor lines.
        signals_mv: float32 (12, num_samples).
        rate_hz: Of the signals.
    """
    rows: list[list[Array]] = [[] for _ in plan.rows_mm]
    for strip in plan.strips:
        rows[strip.row] += strip_lines(strip, signals_mv[LEADS.index(strip.lead)], rate_hz, plan)
    minor_x, major_x = _lines_at(plan.size_mm[0], style.offset_mm[0])
    minor_y, major_y = _lines_at(plan.size_mm[1], style.offset_mm[1])
    width, height = plan.size_mm
    minor = (_upright(minor_x, height), _level(minor_y, width))
    return Drawing(
        minor if style.minor_mm else (np.zeros((0, 2, 2)), np.zeros((0, 2, 2))),
        (_upright(major_x, height), _level(major_y, width)),
        tuple(map(tuple, rows)),
    )


def paint_grid(canvas: Canvas, drawing: Drawing, style: PageStyle, scale: float) -> None:
    """Draw the grid; `scale` is in pixels to a millimetre."""
    for lines, width_mm, colour in (
        (drawing.minor, style.minor_mm, style.minor),
        (drawing.major, style.major_mm, style.major),
    ):
        for each, dash in zip(lines, style.dashes, strict=True):
            pattern = None if dash[1] == 0 else [max(1.0, part * scale) for part in dash]
            canvas.lines(list(each), max(0.35, width_mm * scale), colour, dash=pattern)


def truth_of(drawing: Drawing, plan: PagePlan, style: PageStyle, canvas: Canvas, scale: float) -> Mapping[str, Array]:
    """Masks and heights of a page.

    Args:
        drawing: Its lines.
        plan: Its rows.
        style: Its widths.
        canvas: To draw on; what it holds is lost.
        scale: Pixels to a millimetre.

    Returns:
        "trace" uint16 (height, width), "grid" uint8 (height, width), "trace_y" and "baseline_y" float32 (rows, width).
    """
    canvas.clear()
    height, width = canvas.rgba().shape[:2]
    grid = np.zeros((height, width), np.uint8)
    for lines, mark, width_mm in ((drawing.minor, MINOR, style.minor_mm), (drawing.major, MAJOR, style.major_mm)):
        canvas.clear()
        canvas.lines([*lines[0], *lines[1]], max(page_truth.LEAST_WIDTH_PX, width_mm * scale), (0.0, 0.0, 0.0))
        grid[_covered(canvas)] = mark
    trace = np.zeros((height, width), np.uint16)
    heights, zeros = [], []
    for row, lines_mm in enumerate(drawing.rows):
        canvas.clear()
        canvas.lines(lines_mm, max(page_truth.LEAST_WIDTH_PX, style.trace_mm * scale), (0.0, 0.0, 0.0))
        trace |= _covered(canvas).astype(np.uint16) << row
        heights.append(page_truth.joined_heights([map_points(canvas.homography, line) for line in lines_mm], width))
        start, end, zero_mm = plan.rows_mm[row]
        zero = map_points(canvas.homography, np.array([[start, zero_mm], [end, zero_mm]]))
        zeros.append(page_truth.heights_at_columns(zero, width))
    return {
        "trace": trace,
        "grid": grid,
        "trace_y": page_truth.inside(np.stack(heights), height),
        "baseline_y": page_truth.inside(np.stack(zeros), height),
    }


def _covered(canvas: Canvas) -> Array:
    return canvas.rgba()[..., 3] >= page_truth.COVERED


def _lines_at(length_mm: float, offset_mm: float) -> tuple[Array, Array]:
    """Places of the minor and of the major lines of a grid, one of whose major lines is at `offset_mm`."""
    steps = np.arange(np.ceil(-offset_mm / MINOR_MM), np.floor((length_mm - offset_mm) / MINOR_MM) + 1)
    major = steps % MAJOR_EVERY == 0
    places = steps * MINOR_MM + offset_mm
    return places[~major], places[major]


def _upright(x_mm: Array, height_mm: float) -> Array:
    ends = np.broadcast_to(np.array([0.0, height_mm]), (len(x_mm), 2))
    return np.stack([np.broadcast_to(x_mm[:, None], (len(x_mm), 2)), ends], axis=2)


def _level(y_mm: Array, width_mm: float) -> Array:
    ends = np.broadcast_to(np.array([0.0, width_mm]), (len(y_mm), 2))
    return np.stack([ends, np.broadcast_to(y_mm[:, None], (len(y_mm), 2))], axis=2)
