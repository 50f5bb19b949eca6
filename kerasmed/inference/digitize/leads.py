"""Rows of heights become leads in millivolts: each lead at its place in the ten seconds, with how well it was read."""

from dataclasses import dataclass, replace

import numpy as np

from kerasmed.data.page_records import NUM_SAMPLES, RATE_HZ
from kerasmed.data.records import Array
from kerasmed.inference.digitize.flat import PX_PER_MM
from kerasmed.inference.digitize.layouts import Layout
from kerasmed.inference.digitize.reading import read_line
from kerasmed.inference.digitize.timing import Timing
from kerasmed.inference.digitize.trace import Line

LONGEST_GAP_S = 0.2
LEAST_SEEN = 0.6


@dataclass(frozen=True)
class Strip:
    """One lead as printed in one place.

    Attributes:
        lead: Its name.
        row: Row of the page.
        first: Sample of the ten seconds at which it begins.
        values_mv: float64 (n,), gaps interpolated.
        seen: bool (n,), where there was ink.
        confidence: Mean of the ink's, 0..1.
    """

    lead: str
    row: int
    first: int
    values_mv: Array
    seen: Array
    confidence: float

    @property
    def seen_rate(self) -> float:
        """Share of the strip with ink."""
        return float(self.seen.mean()) if len(self.seen) else 0.0

    @property
    def longest_gap_s(self) -> float:
        """Longest stretch without ink."""
        edges = np.diff(np.concatenate([[0], ~self.seen, [0]]).astype(int))
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        return float(runs.max() / RATE_HZ) if len(runs) else 0.0


def cut_strips(
    lines: list[Line], zero: Array, first_column: int, timing: Timing, layout: Layout, speed_mm_s: float, gain: float
) -> list[Strip]:
    """The strips of all rows.

    Args:
        lines: Of each row, from column `first_column` of the flat page on.
        zero: float64 (R,), zero line of each row.
        first_column: Column at which the lines begin.
        timing: Where the rows begin and end.
        layout: Which leads they are.
        speed_mm_s: Of the paper.
        gain: Millimetres of 1 mV.
    """
    strips = []
    for row, (line, leads) in enumerate(zip(lines, layout.rows, strict=True)):
        part_s = timing.length_mm / speed_mm_s / len(leads)
        for number, (lead, stretch) in enumerate(zip(leads, timing.stretches(len(leads)), strict=True)):
            columns, heights = read_line(_part(line, stretch, first_column))
            seconds = (columns + first_column - timing.start) / PX_PER_MM / speed_mm_s
            values = (zero[row] - heights) / PX_PER_MM / gain
            strips.append(_strip(lead, row, number * part_s, part_s, seconds, values))
    return strips


def _part(line: Line, stretch: tuple[int, int], first_column: int) -> Line:
    """The line within a stretch of columns of the page."""
    place = np.arange(len(line.seen)) + first_column
    return replace(line, seen=line.seen & (place >= stretch[0]) & (place < stretch[1]))


def _strip(lead: str, row: int, start_s: float, part_s: float, seconds: Array, values: Array) -> Strip:
    first, end = round(start_s * RATE_HZ), min(round((start_s + part_s) * RATE_HZ), NUM_SAMPLES)
    times = np.arange(first, end) / RATE_HZ
    inside = (seconds >= start_s - 1e-9) & (seconds <= start_s + part_s + 1e-9)
    known_s, known = seconds[inside], values[inside]
    if len(known) < 4:
        return Strip(lead, row, first, np.full(len(times), np.nan), np.zeros(len(times), bool), 0.0)
    after = np.searchsorted(known_s, times).clip(1, len(known_s) - 1)
    nearest = np.minimum(np.abs(known_s[after] - times), np.abs(times - known_s[after - 1]))
    step_s = np.median(np.diff(known_s)) * 4 + 1e-9
    return Strip(lead, row, first, np.interp(times, known_s, known), nearest <= max(step_s, 0.011), 1.0)
