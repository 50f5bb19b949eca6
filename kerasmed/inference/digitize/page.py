"""A picture of a page of ECG paper becomes twelve leads: the steps in their order."""

from dataclasses import dataclass, replace

import numpy as np

from kerasmed.data.page_records import NUM_SAMPLES
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, unknown
from kerasmed.inference.digitize.consistency import Consistency, join_strips, make_consistent
from kerasmed.inference.digitize.flat import PX_PER_MM, FlatPage, lay_flat
from kerasmed.inference.digitize.grid import Grid, find_grid, project
from kerasmed.inference.digitize.layouts import LAYOUTS
from kerasmed.inference.digitize.leads import Strip, cut_strips
from kerasmed.inference.digitize.maps import PageMaps, maps_by_darkness
from kerasmed.inference.digitize.quality import LeadQuality, judge_leads
from kerasmed.inference.digitize.rows import Pulse, find_extent, find_pulse, find_rows
from kerasmed.inference.digitize.timing import Timing, erase_bars, find_timing
from kerasmed.inference.digitize.trace import Hint, Line, follow_rows

USUAL_SPEED_MM_S, USUAL_GAIN_MM_MV = 25.0, 10.0
WIDE_PULSE_MM = 8.0
# How far a row may be from its zero line: as a network shows it, and as the densest ink does.
ROW_KNOWN_MM, ROW_GUESSED_MM = 0.75, 2.5
# How far above and below a zero line a network is asked for its trace.
STRIP_MM = 32.0


@dataclass(frozen=True)
class Wishes:
    """What a caller knows of the pages; what is None is found out, or taken as usual.

    Attributes:
        layout: One of `LAYOUTS`.
        speed_mm_s: Of the paper.
        gain_mm_mv: Height of 1 mV.
    """

    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None

    def __post_init__(self) -> None:
        if self.layout is not None and self.layout not in LAYOUTS:
            raise unknown("layout", self.layout, LAYOUTS)
        for name, value in (("speed", self.speed_mm_s), ("gain", self.gain_mm_mv)):
            if value is not None and not 1 <= value <= 200:
                raise ConfigError(f"--{name} {value:g} is none of ECG paper; write one as in 25.")


@dataclass(frozen=True)
class DigitizedPage:
    """What was read off a page.

    Attributes:
        name: Of the page.
        signals_mv: float64 (12, 5000) at 500 Hz in the order of `LEADS`; NaN where a lead is not printed or unreadable.
        quality: Of each lead, in that order.
        layout: One of `LAYOUTS`.
        speed_mm_s: Of the paper.
        gain_mm_mv: Of the traces.
        grid: Where the paper lies in the picture.
        rows_px: Points (n, 2) of the line of each row, in pixels of the picture.
        zero_px: Points of the zero line of each row, likewise.
        pulse: The calibration pulse, if it was seen.
        consistency: How far the leads agree with one another.
        maker: Who made the maps.
        notes: What a reader should know.
    """

    name: str
    signals_mv: Array
    quality: tuple[LeadQuality, ...]
    layout: str
    speed_mm_s: float
    gain_mm_mv: float
    grid: Grid
    rows_px: tuple[Array, ...]
    zero_px: tuple[Array, ...]
    pulse: Pulse | None
    consistency: Consistency
    maker: str
    notes: tuple[str, ...]


def digitize(name: str, pixels: Array, maps: PageMaps | None = None, wishes: Wishes | None = None) -> DigitizedPage:
    """Read the leads off a page.

    Args:
        name: Of the page, for errors.
        pixels: uint8 (H, W, 3).
        maps: Of a network; found by colour and darkness where there are none.
        wishes: What is known of the page.

    Raises:
        DataError: No grid, no rows or no layout can be seen.
    """
    wishes = wishes or Wishes()
    dark = maps_by_darkness(pixels)
    maps = maps or dark
    grid = find_grid(maps.grid, name, maps.angle_deg)
    ink = lay_flat(dark, grid)
    page = ink if maps is dark else lay_flat(maps, grid)
    layout_rows = LAYOUTS[wishes.layout].num_rows if wishes.layout else None
    rows = find_rows(page, name, layout_rows)
    layout_name = wishes.layout or _layout_of(len(rows))
    layout = LAYOUTS[layout_name]
    extent = find_extent(page, rows)
    pulse = find_pulse(ink, rows, extent, ROW_KNOWN_MM if page.baseline is not None else ROW_GUESSED_MM)
    num_columns = max(len(leads) for leads in layout.rows)
    timing = find_timing(ink.trace, rows, extent, pulse, num_columns)
    speed, gain, notes = _scale(wishes, pulse)
    zero = _zero(rows, pulse, page)
    first = max(0, int(timing.start) - PX_PER_MM)
    last = min(page.trace.shape[1], int(timing.end) + PX_PER_MM)
    parts = [timing.stretches(len(leads)) for leads in layout.rows]
    bare = erase_bars(page.trace, rows, timing.bars)
    lines = follow_rows(bare, rows, first, last, parts, _hints(maps, page, rows, grid))
    strips = cut_strips(lines, zero, first, timing, layout, speed, gain)
    return _finish(
        DigitizedPage(
            name, np.empty(0), (), layout_name, speed, gain, grid,
            tuple(_points(page, line, first) for line in lines),
            tuple(_level(page, level, timing) for level in zero),
            pulse, Consistency(None, False, None), maps.maker, notes,
        ),
        strips,
    )  # fmt: skip


def _hints(maps: PageMaps, page: FlatPage, rows: Array, grid: Grid) -> list[Hint] | None:
    """Where a network reads the line of each row, on the flat page."""
    if maps.read_strip is None:
        return None
    hints, width = [], page.trace.shape[1]
    for row in rows:
        (left, top), (right, bottom) = project(page.to_pixels, np.array([[0.0, row], [width - 1.0, row]]))
        slope = (bottom - top) / (right - left)
        y, confidence = maps.read_strip(float(top - slope * left), float(slope), STRIP_MM * grid.px_per_mm)
        seen = project(np.linalg.inv(page.to_pixels), np.stack([np.arange(len(y)), y], axis=1))
        order = np.argsort(seen[:, 0])
        columns = np.arange(width)
        heights, sure = (np.interp(columns, seen[order, 0], one[order]) for one in (seen[:, 1], confidence))
        hints.append(Hint(heights, sure))
    return hints


def _finish(page: DigitizedPage, strips: list[Strip]) -> DigitizedPage:
    signals, seen, second_r = join_strips(strips, NUM_SAMPLES)
    signals, seen, rms_mv, used = make_consistent(signals, seen)
    quality = judge_leads(signals, seen, strips)
    kept = np.array([lead.refused is None for lead in quality])
    signals = np.where(kept[:, None], signals, np.nan)
    return replace(page, signals_mv=signals, quality=quality, consistency=Consistency(rms_mv, used, second_r))


def _layout_of(num_rows: int) -> str:
    return next(name for name, layout in LAYOUTS.items() if layout.num_rows == num_rows)


def _scale(wishes: Wishes, pulse: Pulse | None) -> tuple[float, float, tuple[str, ...]]:
    """Speed and gain: as told, else as the pulse shows, else as usual; and what to say of it."""
    notes = []
    shown_gain = pulse.height_mm if pulse is not None else None
    shown_speed = 50.0 if pulse is not None and pulse.width_mm >= WIDE_PULSE_MM else None
    if shown_gain is None and wishes.gain_mm_mv is None:
        notes.append(f"no calibration pulse was seen; {USUAL_GAIN_MM_MV:g} mm/mV are assumed")
    if shown_gain is not None and wishes.gain_mm_mv is not None and shown_gain != wishes.gain_mm_mv:
        notes.append(f"the calibration pulse is {shown_gain:g} mm high, but {wishes.gain_mm_mv:g} mm/mV were told")
    speed = wishes.speed_mm_s or shown_speed or USUAL_SPEED_MM_S
    gain = wishes.gain_mm_mv or shown_gain or USUAL_GAIN_MM_MV
    return speed, gain, tuple(notes)


def _zero(rows: Array, pulse: Pulse | None, page: FlatPage) -> Array:
    """Zero line of each row: as the network's map shows, else the foot of the pulse, else where the ink is densest."""
    if page.baseline is not None or pulse is None:
        return rows
    feet = np.array(pulse.feet)
    near = np.isfinite(feet) & (np.abs(feet - rows) < 2.5 * PX_PER_MM)
    return np.where(near, np.where(near, feet, 0.0), rows)


def _points(page: FlatPage, line: Line, first: int) -> Array:
    """The line of a row in the picture; NaN where it was not seen."""
    columns = np.arange(len(line.seen)) + first
    middle = np.where(line.seen, (line.top + line.bottom) / 2, np.nan)
    return project(page.to_pixels, np.stack([columns, middle], axis=1))


def _level(page: FlatPage, level: float, timing: Timing) -> Array:
    ends = timing.start + np.linspace(0, timing.length_mm * PX_PER_MM, 50)
    return project(page.to_pixels, np.stack([ends, np.full(50, level)], axis=1))
