"""The truth of a page: which pixels are trace and grid, and where each row runs.

Coordinates are those of pixel centres: y = 3.0 is the middle of the fourth row of pixels.
"""

from collections.abc import Sequence

import numpy as np

from kerasmed.data.records import Array

# A line is at least this wide in a mask: thinner ink would cover no pixel by half, though one sees it.
LEAST_WIDTH_PX = 1.2
COVERED = 102  # of 255: 40 % of a pixel


def heights_at_columns(points_px: Array, width: int) -> Array:
    """Where a line that runs from left to right crosses the middle of each column of pixels.

    A line that leans so far that it crosses a column several times is told at the middle crossing in the order in which
    it was drawn, which lies on the line like the others.

    Args:
        points_px: float64 (n, 2), x and y.
        width: Number of columns.

    Returns:
        float32 (width,), y; NaN where the line does not go.
    """
    heights = np.full(width, np.nan, np.float32)
    x, y = points_px[:, 0], points_px[:, 1]
    low, high = np.minimum(x[:-1], x[1:]), np.maximum(x[:-1], x[1:])
    first = np.clip(np.ceil(low), 0, width).astype(np.int64)
    behind = np.clip(np.ceil(high), 0, width).astype(np.int64)
    counts = behind - first
    segment = np.repeat(np.arange(len(low)), counts)
    column = first[segment] + np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (column - x[segment]) / (x[segment + 1] - x[segment])
    crossing = y[segment] + share * (y[segment + 1] - y[segment])
    order = np.argsort(column, kind="stable")
    found, start, many = np.unique(column[order], return_index=True, return_counts=True)
    heights[found] = crossing[order][start + (many - 1) // 2]
    return heights


def joined_heights(lines_px: Sequence[Array], width: int) -> Array:
    """`heights_at_columns` of the lines of one row; where two meet in a column, the one drawn later holds."""
    heights = np.full(width, np.nan, np.float32)
    for points in lines_px:
        own = heights_at_columns(points, width)
        heights = np.where(np.isfinite(own), own, heights)
    return heights


def inside(heights: Array, height: int) -> Array:
    """`heights` with NaN where they lie outside the picture."""
    seen = (heights > -0.5) & (heights < height - 0.5)
    return np.where(seen, heights, np.float32(np.nan)).astype(np.float32)
