"""When a row begins and where its leads change: ends of the ink, the pulse, and the bars between leads."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.flat import PX_PER_MM
from kerasmed.inference.digitize.rows import Pulse

ROW_MM = 250.0  # ten seconds at 25 mm/s
SAME_MM, NEAR_MM = 4.0, 15.0
BAR_MM, BAR = 2.0, 0.6
WIDEST_BAR = round(1.3 * PX_PER_MM)
SEARCH_MM = 1.5
# At the beginning of a row stands the edge of the pulse, and the line's own half width.
MARGIN_PX = 2
FULL = 0.85  # of a bar is ink


@dataclass(frozen=True)
class Timing:
    """Where the rows lie along the paper.

    Attributes:
        start: Column of the flat page at which the first lead begins, in parts of a pixel.
        length_mm: Of a row, without pulse.
        bars: Columns that separators between leads cover, first and last (both within), in ascending order.
    """

    start: float
    length_mm: float
    bars: tuple[tuple[int, int], ...]

    @property
    def end(self) -> float:
        """Column behind the last lead."""
        return self.start + self.length_mm * PX_PER_MM

    def stretches(self, num_leads: int) -> list[tuple[int, int]]:
        """Columns of each of so many leads side by side, first and behind the last; they meet in the bars."""
        edges = [self.start + (self.end - self.start) * number / num_leads for number in range(num_leads + 1)]
        for number, edge in enumerate(edges[1:-1], start=1):
            near = [(first + last + 1) / 2 for first, last in self.bars if abs((first + last) / 2 - edge) < PX_PER_MM]
            edges[number] = near[0] if near else edge
        starts = [round(edge) for edge in edges]
        starts[0] += 2 * MARGIN_PX
        return list(pairwise(starts))


def find_timing(ink: Array, rows: Array, extent: tuple[int, int], pulse: Pulse | None, num_columns: int) -> Timing:
    """Where the rows begin and how long they are.

    Args:
        ink: float32 (h, w), everything that is dark on the flat page.
        rows: float64 (R,), zero lines.
        extent: First and last column with ink of the traces.
        pulse: The calibration pulse, if there is one.
        num_columns: Leads side by side.
    """
    first, last = float(extent[0]), float(extent[1])
    if pulse is not None:
        if pulse.left < (first + last) / 2:
            first = max(first, pulse.right)
        else:
            last = min(last, pulse.left)
    length_mm = (last - first) / PX_PER_MM
    if abs(length_mm - ROW_MM) <= NEAR_MM:
        first, length_mm = _begin(first, last, pulse), ROW_MM
    bars, shift = _find_bars(ink, rows, first, length_mm * PX_PER_MM, num_columns)
    return Timing(first + shift, length_mm, bars)


def _begin(first: float, last: float, pulse: Pulse | None) -> float:
    """Where a row of ten seconds begins whose ink goes from `first` to `last`.

    The foot of a pulse makes ink longer at its side, so that the other end says where the row lies; unless ink is
    missing there, when the edge of the pulse does: a row never begins within its pulse.
    """
    row = ROW_MM * PX_PER_MM
    middle = (first + last - row) / 2
    if pulse is None:
        return middle
    begin = max(last - row, pulse.right) if pulse.left < (first + last) / 2 else min(first, pulse.left - row)
    return begin if abs(begin - middle) <= SAME_MM * PX_PER_MM else middle


def erase_bars(trace: Array, rows: Array, bars: tuple[tuple[int, int], ...]) -> Array:
    """A map of ink without the bars between leads, as far up and down as they go; what runs behind them is unknown.

    Args:
        trace: float32 (h, w), ink in 0..1, that of bars too where its maker takes them for ink.
        rows: float64 (R,), zero lines.
        bars: Columns of each, first and last.
    """
    bare = trace.copy()
    for first, last in bars:
        full = (trace[:, first : last + 1] > 0.5).mean(axis=1) > FULL
        for row in rows.astype(int):
            reach = round(BAR_MM * PX_PER_MM)
            within = row - reach + np.flatnonzero(full[max(0, row - reach) : row + reach + 1])
            if len(within) < reach:
                continue
            top, bottom = int(within[0]), int(within[-1])
            while top > 0 and full[top - 1]:
                top -= 1
            while bottom + 1 < len(full) and full[bottom + 1]:
                bottom += 1
            bare[max(0, top - MARGIN_PX) : bottom + 1 + MARGIN_PX, max(0, first - MARGIN_PX) : last + 1 + MARGIN_PX] = 0
    return bare


def _find_bars(
    ink: Array, rows: Array, first: float, length: float, num_columns: int
) -> tuple[tuple[tuple[int, int], ...], float]:
    """Bars near the places where leads change, and by how much their middles lie aside of them."""
    reach, search = round(BAR_MM * PX_PER_MM), round(SEARCH_MM * PX_PER_MM)
    bands = [ink[max(0, row - reach) : row + reach + 1] > 0.5 for row in rows.astype(int)]
    filled = np.mean([band.mean(axis=0) > FULL for band in bands], axis=0)  # share of rows whose column is all ink
    found: list[tuple[int, int]] = []
    off: list[float] = []
    for number in range(1, num_columns):
        near = first + number * length / num_columns
        low = max(0, round(near) - search)
        columns = low + np.flatnonzero(filled[low : round(near) + search + 1] >= BAR)
        # A steep wave beside the bar fills its columns too: the run that lies nearest to the place is the bar.
        pieces = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        runs = [run for run in pieces if 2 <= len(run) <= WIDEST_BAR]
        if runs:
            bar = min(runs, key=lambda run: abs(run.mean() - near))
            found.append((int(bar[0]), int(bar[-1])))
            off.append(float(bar.mean()) - near)
    shift = float(np.median(off)) if len(off) >= 2 and np.ptp(off) < 3 else 0.0
    return tuple(found), shift
