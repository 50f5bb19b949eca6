"""Where a page of ECG paper has its rows, leads, pulses and names.

All lengths are in mm, x to the right and y down from the top left corner.

The columns of a page follow one another in time: lead aVR of a 3x4 page begins where lead I ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmed.config.pages import LAYOUTS, EcgPages
from kerasmed.data.page_records import LEADS
from kerasmed.data.records import Array

DURATION_S = 10.0
ROW_LENGTH_MM = 250.0  # of paper: ten seconds at 25 mm/s, five at 50
_ROWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "3x4": (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6")),
    "6x2": (("I", "V1"), ("II", "V2"), ("III", "V3"), ("aVR", "V4"), ("aVL", "V5"), ("aVF", "V6")),
    "12x1": tuple((lead,) for lead in LEADS),
}
_ROWS["3x4+1"] = (*_ROWS["3x4"], ("II",))
assert set(_ROWS) == set(LAYOUTS)
_PAPERS_MM = ((279.4, 215.9), (297.0, 210.0))  # letter and A4, lying
_PULSE_MM, _PULSE_MV = 5.0, 1.0


@dataclass(frozen=True)
class Strip:
    """One lead as printed in one place.

    Attributes:
        row: Row of the page, 0 at the top.
        lead: Its name.
        start_s: First moment shown.
        end_s: Moment behind the last one shown.
        x_mm: Where it begins.
        y_mm: Of its zero line.
        new: Whether a mark parts it from a lead on its left.
    """

    row: int
    lead: str
    start_s: float
    end_s: float
    x_mm: float
    y_mm: float
    new: bool


@dataclass(frozen=True)
class Label:
    """A printed word; `x_mm`, `y_mm` is the left end of its base line."""

    text: str
    x_mm: float
    y_mm: float
    height_mm: float


@dataclass(frozen=True)
class PagePlan:
    """Everything of a page that has a place and carries the signal or its scale.

    Attributes:
        size_mm: Width and height of the paper.
        layout: One of `LAYOUTS`.
        speed_mm_s: Of the paper.
        gain_mm_mv: Height of 1 mV.
        strips: In the order of rows, then of time.
        rows_mm: Start, end and y of the zero line of each row, with its pulse: (rows, 3).
        pulses: Corner points of each calibration pulse, each (6, 2).
        labels: Names of the leads.
    """

    size_mm: tuple[float, float]
    layout: str
    speed_mm_s: float
    gain_mm_mv: float
    strips: tuple[Strip, ...]
    rows_mm: Array
    pulses: tuple[Array, ...]
    labels: tuple[Label, ...]


def draw_plan(settings: EcgPages, rng: np.random.Generator) -> PagePlan:
    """Choose a layout and a scale, and place rows, leads, pulses and names."""
    layout = str(rng.choice(settings.layouts, p=_first_most(settings.layouts, 4.0)))
    speed = float(rng.choice(settings.speeds_mm_s, p=_first_most(settings.speeds_mm_s, 10.0)))
    gain = float(rng.choice(settings.gains_mm_mv, p=_first_most(settings.gains_mm_mv, 8.0)))
    size = _PAPERS_MM[int(rng.random() < 0.3)]
    pulse = str(rng.choice(["before", "behind", "none"], p=[0.7, 0.1, 0.2]))
    rows = _ROWS[layout]
    zero_mm = _zero_lines(len(rows), size[1], rng)
    room = size[0] - ROW_LENGTH_MM - _PULSE_MM
    left = float(rng.uniform(4.0, room - 2.0)) + (_PULSE_MM if pulse == "before" else 0.0)
    strips = tuple(strip for row in range(len(rows)) for strip in _strips(rows[row], row, left, zero_mm[row], speed))
    start = left - _PULSE_MM * (pulse == "before")
    end = left + ROW_LENGTH_MM + _PULSE_MM * (pulse == "behind")
    rows_mm = np.stack([np.full(len(rows), start), np.full(len(rows), end), zero_mm], axis=1)
    pulse_at = {"before": start, "behind": left + ROW_LENGTH_MM}.get(pulse)
    pulses = () if pulse_at is None else tuple(_pulse(pulse_at, y, gain) for y in zero_mm)
    return PagePlan(size, layout, speed, gain, strips, rows_mm, pulses, _names(strips, size[1] / len(rows), rng))


def strip_lines(strip: Strip, signal_mv: Array, rate_hz: float, plan: PagePlan) -> list[Array]:
    """The lines that a lead draws: one, and one more behind each gap of the signal.

    Args:
        strip: Where.
        signal_mv: float (num_samples,) of the lead, from the first moment of the record.
        rate_hz: Of the signal.
        plan: The scale.

    Returns:
        Each float64 (n, 2), mm.
    """
    samples = np.arange(round(strip.start_s * rate_hz), min(round(strip.end_s * rate_hz), len(signal_mv)))
    x_mm = strip.x_mm + (samples / rate_hz - strip.start_s) * plan.speed_mm_s
    points = np.stack([x_mm, strip.y_mm - signal_mv[samples] * plan.gain_mm_mv], axis=1)
    there = np.isfinite(points).all(axis=1)
    return [part[np.isfinite(part).all(axis=1)] for part in np.split(points, np.flatnonzero(~there)) if len(part)]


def _strips(leads: tuple[str, ...], row: int, left_mm: float, y_mm: float, speed_mm_s: float) -> list[Strip]:
    part_s = ROW_LENGTH_MM / speed_mm_s / len(leads)
    return [
        Strip(row, lead, part * part_s, (part + 1) * part_s, left_mm + part * part_s * speed_mm_s, y_mm, part > 0)
        for part, lead in enumerate(leads)
    ]


def _zero_lines(num_rows: int, height_mm: float, rng: np.random.Generator) -> Array:
    top = rng.uniform(8.0, 14.0) if num_rows > 6 else rng.uniform(12.0, 75.0 if num_rows <= 4 else 30.0)
    bottom = rng.uniform(4.0, 8.0) if num_rows > 6 else rng.uniform(6.0, 22.0)
    pitch = (height_mm - top - bottom) / num_rows
    return top + pitch * (np.arange(num_rows) + 0.5 + rng.uniform(-0.08, 0.08, num_rows))


def _pulse(x_mm: float, y_mm: float, gain_mm_mv: float) -> Array:
    up = y_mm - _PULSE_MV * gain_mm_mv
    across = _PULSE_MM * np.array([0.0, 0.2, 0.2, 0.8, 0.8, 1.0])
    return np.stack([x_mm + across, np.array([y_mm, y_mm, up, up, y_mm, y_mm])], axis=1)


def _names(strips: tuple[Strip, ...], pitch_mm: float, rng: np.random.Generator) -> tuple[Label, ...]:
    height = float(rng.uniform(2.2, 4.0))
    below = rng.random() < 0.5
    off_x = float(rng.uniform(0.0, 2.0))
    off_y = float(rng.uniform(0.12, 0.25) * pitch_mm + height if below else -rng.uniform(0.15, 0.3) * pitch_mm)
    if rng.random() < 0.05:
        return ()
    return tuple(Label(strip.lead, strip.x_mm + off_x, strip.y_mm + off_y, height) for strip in strips)


def _first_most(values: Sequence[object], times: float) -> Array:
    """Shares of which the first is `times` as large as each of the others."""
    weights = np.array([times, *np.ones(len(values) - 1)])
    return weights / weights.sum()
