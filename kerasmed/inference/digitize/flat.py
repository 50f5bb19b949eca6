"""The page laid flat: its maps on a square raster of the paper, so that a pixel is a time and a voltage."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.grid import Grid, project
from kerasmed.inference.digitize.maps import PageMaps

# At 25 mm/s a pixel of the flat page lasts 5 ms.
PX_PER_MM = 8
LARGEST_MM = 1000.0
# Ink in this share of so many millimetres of one line of pixels is a ruled line.
RULED_MM, RULED = 160, 0.85
CELL = 5 * PX_PER_MM
# Darkness is read as ink halfway between the grid beneath and the darkest lines; this share of the pixels is as dark.
INK_PERCENTILE = 99.7


@dataclass(frozen=True)
class FlatPage:
    """Maps on the raster of the paper, `PX_PER_MM` pixels a millimetre.

    Attributes:
        trace: float32 (h, w) in 0..1.
        baseline: Likewise; None where there is none.
        to_pixels: float64 (3, 3), pixels of the flat page to pixels of the picture.
    """

    trace: Array
    baseline: Array | None
    to_pixels: Array


def lay_flat(maps: PageMaps, grid: Grid) -> FlatPage:
    """Maps of a picture on the raster of its paper; what lies outside the picture is 0."""
    height, width = maps.trace.shape
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], float)
    there = project(np.linalg.inv(grid.to_pixels), corners)
    low, high = there.min(axis=0), there.max(axis=0)
    columns, rows = np.minimum(np.ceil(high - low), LARGEST_MM).astype(int) * PX_PER_MM
    scale = np.array([[1 / PX_PER_MM, 0, low[0]], [0, 1 / PX_PER_MM, low[1]], [0, 0, 1]])
    to_pixels = grid.to_pixels @ scale
    trace = _warp(maps.trace, to_pixels, (rows, columns))
    if maps.is_darkness:
        trace = ink_of_darkness(trace)
    baseline = None if maps.baseline is None else _warp(maps.baseline, to_pixels, (rows, columns))
    return FlatPage(trace, baseline, to_pixels)


def ink_of_darkness(dark: Array) -> Array:
    """How likely a pixel of the flat page is ink, from how dark it is and how dark the grid is there.

    Args:
        dark: float32 (h, w) on the raster of the paper.
    """
    beneath = _beneath(dark)
    rest = np.clip(dark - beneath, 0, None)
    top = float(np.percentile(dark[rest > 0.25 * rest.max()], 50)) if rest.max() > 0 else 1.0
    middle = beneath + 0.5 * np.maximum(top - beneath, 0.1 * top)
    width = 0.12 * np.maximum(top - beneath, 0.1 * top)
    ink = 1 / (1 + np.exp(-np.clip((dark - middle) / width, -30, 30)))
    return np.asarray(np.where(_ruled(ink), 0.0, ink), np.float32)


def _ruled(ink: Array) -> Array:
    """Where straight lines along the grid, the frame of the sheet among them, go on for longer than any trace."""
    from scipy import ndimage

    drawn = (ink > 0.25).astype(np.float32)
    ruled = np.zeros(ink.shape, bool)
    for axis in (0, 1):
        near = ndimage.maximum_filter1d(drawn, 3, axis=1 - axis)
        share = ndimage.uniform_filter1d(near, RULED_MM * PX_PER_MM, axis=axis, mode="constant")
        ruled |= ndimage.maximum_filter1d(share, RULED_MM * PX_PER_MM, axis=axis) > RULED
    return ruled


def _beneath(dark: Array) -> Array:
    """The grid alone: of each place in a cell of 5 mm the median over the cells around it."""
    from scipy import ndimage

    rows, columns = (-(-size // CELL) for size in dark.shape)
    padded = np.pad(dark, ((0, rows * CELL - dark.shape[0]), (0, columns * CELL - dark.shape[1])), mode="reflect")
    cells = padded.reshape(rows, CELL, columns, CELL)
    median = np.empty_like(cells)
    for down in range(0, rows, 4):
        for across in range(0, columns, 4):
            near = cells[max(0, down - 3) : down + 7, :, max(0, across - 3) : across + 7]
            median[down : down + 4, :, across : across + 4] = np.median(near, axis=(0, 2))[None, :, None]
    smooth = ndimage.maximum_filter(median.reshape(padded.shape), 3)
    return np.asarray(smooth[: dark.shape[0], : dark.shape[1]])


def _warp(values: Array, to_pixels: Array, shape: tuple[int, int]) -> Array:
    """Sample a picture on another raster, band by band so that memory stays small; blurred first where it shrinks."""
    from scipy import ndimage

    out = np.zeros(shape, np.float32)
    x = np.arange(shape[1], dtype=np.float64)
    for top in range(0, shape[0], 256):
        y = np.arange(top, min(top + 256, shape[0]), dtype=np.float64)
        points = project(to_pixels, np.stack(np.meshgrid(x, y), axis=-1))
        at = [points[..., 1], points[..., 0]]
        out[top : top + 256] = ndimage.map_coordinates(values, at, order=1, mode="constant", cval=0.0)
    return out
