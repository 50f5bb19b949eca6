"""Rows of traces on a flat page: how many, where their zero lines lie, from where to where they go, and their pulse."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError
from kerasmed.inference.digitize.flat import PX_PER_MM, FlatPage
from kerasmed.inference.digitize.layouts import LAYOUTS

INK = 0.5
SAME_ROW_MM = 1.5
LASTING_MM = 40
LEAST_APART_MM = 8.0
# A calibration pulse: 1 mV high, and 0.2 s wide, of which some printers give a part to its feet.
PULSE_HEIGHTS_MM = (10.0, 5.0, 20.0)
PULSE_WIDTHS_MM = (5.0, 3.0, 10.0)
# How much of the outline must be ink; of the rarer gains more, and more than of the usual one.
PULSE_SEEN, RARE_PULSE_SEEN, HALF_SEEN, CLEARLY = 0.55, 0.75, 0.9, 0.08
PULSE_S, PULSE_MV = 0.2, 1.0
BESIDE_MM = 25.0


@dataclass(frozen=True)
class Pulse:
    """The calibration pulse before or behind the rows.

    Attributes:
        left: Column of its rising edge on the flat page.
        right: Column of its falling edge.
        height_mm: Its height, which is 1 mV.
        feet: Row of its foot by strip, NaN where it was not seen there.
        score: Share of its outline that is ink, mean over rows.
    """

    left: float
    right: float
    height_mm: float
    feet: tuple[float, ...]
    score: float

    @property
    def width_mm(self) -> float:
        """Its width, which lasts 0.2 s."""
        return (self.right - self.left) / PX_PER_MM


def find_rows(page: FlatPage, name: str, num_rows: int | None = None) -> Array:
    """Rows (pixels of the flat page, from the top) around which traces run.

    Args:
        page: Maps on the raster of the paper.
        name: Of the page, for errors.
        num_rows: How many there are, where it is known.

    Returns:
        float64 (R,).

    Raises:
        DataError: There are no rows, or another number than any layout has.
    """
    profile = _profile(page)
    peaks = _peaks(profile)
    if not len(peaks):
        raise DataError(name, "shows no trace on its grid.", "Is it a page of ECG paper?")
    strengths = profile[peaks]
    counts = sorted({layout.num_rows for layout in LAYOUTS.values()}) if num_rows is None else [num_rows]
    found = _choose(peaks, strengths, counts)
    if found is None:
        raise DataError(
            name,
            f"shows {len(peaks)} row(s) of traces; layouts have {', '.join(map(str, counts))}.",
            "Name the layout with --layout, or give a page with all rows.",
        )
    return found


def _profile(page: FlatPage) -> Array:
    """By row of the flat page, the share of its width (in steps of 1 mm) with ink within `SAME_ROW_MM`."""
    from scipy import ndimage

    source = page.trace if page.baseline is None else page.baseline
    height, width = source.shape
    columns = width // PX_PER_MM
    inked = (source[:, : columns * PX_PER_MM] > INK).reshape(height, columns, PX_PER_MM).any(axis=2)
    near = ndimage.maximum_filter1d(inked.astype(np.float32), 2 * round(SAME_ROW_MM * PX_PER_MM) + 1, axis=0)
    # What goes on for centimetres is a trace; words and lead separators do not.
    lasting = ndimage.uniform_filter1d(near, LASTING_MM, axis=1, mode="constant") > 0.7
    lasting = ndimage.maximum_filter1d(lasting, LASTING_MM, axis=1) * near
    return np.asarray(ndimage.gaussian_filter1d(lasting.mean(axis=1), PX_PER_MM / 2))


def _peaks(profile: Array) -> Array:
    """Highest rows, apart by a strip at least."""
    reach = round(LEAST_APART_MM * PX_PER_MM)
    left = profile.copy()
    found: list[float] = []
    while len(found) < 24:
        at = int(left.argmax())
        if left[at] < 0.12:
            break
        # The middle of the plateau.
        near = profile[max(0, at - reach // 2) : at + reach // 2 + 1]
        weights = np.clip(near - 0.8 * profile[at], 0, None)
        found.append(max(0, at - reach // 2) + float((np.arange(len(near)) * weights).sum() / weights.sum()))
        left[max(0, at - reach) : at + reach + 1] = 0
    return np.array(found).round().astype(int)


def _choose(peaks: Array, strengths: Array, counts: list[int]) -> Array | None:
    """The number of rows after which the next peak is much weaker, or worse placed."""
    best, found = 0.0, None
    for count in counts:
        if len(peaks) < count:
            continue
        rows, weakest = np.sort(peaks[:count]), strengths[count - 1]
        following = strengths[count] if len(strengths) > count else 0.05
        gaps = np.diff(rows)
        even = 1.0 if count < 3 else float(np.clip(1.3 - np.std(gaps) / np.mean(gaps), 0.1, 1))
        score = weakest / strengths[0] * even * min(4.0, weakest / max(following, 0.05))
        if weakest >= 0.25 * strengths[0] and score > best:
            best, found = score, rows.astype(np.float64)
    return found


def find_extent(page: FlatPage, rows: Array) -> tuple[int, int]:
    """First and last column of the traces: where most rows have ink that goes on."""
    from scipy import ndimage

    reach = round(min(12 * PX_PER_MM, 0.45 * (np.diff(rows).min() if len(rows) > 1 else 1e9)))
    inked = []
    for row in rows.astype(int):
        band = page.trace[max(0, row - reach) : row + reach + 1] > INK
        inked.append(ndimage.uniform_filter1d(band.any(axis=0).astype(np.float32), 5 * PX_PER_MM + 1) > 0.6)
    share = np.mean(inked, axis=0)
    inside = np.flatnonzero(share >= 0.5)
    if not len(inside):
        return 0, page.trace.shape[1] - 1
    labels, count = ndimage.label(ndimage.binary_closing(share >= 0.5, np.ones(20 * PX_PER_MM)))
    longest = 1 + int(np.argmax(np.bincount(labels)[1:])) if count else 0
    inside = np.flatnonzero(labels == longest) if count else inside
    first = _edge(page, rows, reach, int(inside[0]), 1)
    last = _edge(page, rows, reach, int(inside[-1]), -1)
    return first, last


def _edge(page: FlatPage, rows: Array, reach: int, near: int, step: int) -> int:
    """The outermost column with ink next to a place, of all rows but the outermost quarter: some hide theirs."""
    width, found = page.trace.shape[1], []
    low, high = max(0, near - 4 * PX_PER_MM), min(width, near + 4 * PX_PER_MM + 1)
    for row in rows.astype(int):
        columns = np.flatnonzero((page.trace[max(0, row - reach) : row + reach + 1, low:high] > INK).any(axis=0))
        if len(columns):
            found.append(low + int(columns[0] if step > 0 else columns[-1]))
    return sorted(found, reverse=step < 0)[len(found) // 4] if found else near


def find_pulse(page: FlatPage, rows: Array, extent: tuple[int, int], slack_mm: float) -> Pulse | None:
    """The calibration pulse at the beginning or at the end of the rows; None where no outline of one is seen.

    Args:
        page: All that is dark on the flat page.
        rows: float64 (R,), about where the zero lines lie.
        extent: First and last column of the traces.
        slack_mm: How far from the zero line of its row its foot may be.
    """
    from scipy import ndimage

    thick = ndimage.maximum_filter(page.trace, 3)
    beside = round(BESIDE_MM * PX_PER_MM)
    places = [(max(0, end - beside), min(thick.shape[1], end + beside)) for end in extent]
    for hidden in (False, True):
        best: Pulse | None = None
        for height_mm in PULSE_HEIGHTS_MM[: 1 if hidden else None]:
            for width_mm in PULSE_WIDTHS_MM:
                for low, high in places:
                    found = _match(thick, rows, (height_mm, width_mm, slack_mm), low, high, hidden)
                    if found is not None and (best is None or found.score > best.score + CLEARLY):
                        best = found
        rare = best is not None and best.height_mm != PULSE_HEIGHTS_MM[0]
        least = HALF_SEEN if hidden else (RARE_PULSE_SEEN if rare else PULSE_SEEN)
        if best is not None and best.score >= least:
            return best
    return None


def _match(
    thick: Array, rows: Array, size_mm: tuple[float, float, float], low: int, high: int, hidden: bool
) -> Pulse | None:
    """The best place of a pulse of one size: top and both edges are ink, and what is beneath the top is not.

    Where boxes or a border hide parts (`hidden`), the top and one edge in half of the rows.
    """
    high_px, wide_px, slack = (round(length * PX_PER_MM) for length in size_mm)
    if high - low <= wide_px + 2:
        return None
    scores, feet = [], []
    for row in rows.astype(int):
        tops = np.arange(row - high_px - slack, row - high_px + slack + 1)
        tops = tops[(tops >= 0) & (tops + high_px < len(thick))]
        if not len(tops):
            return None
        part = thick[:, low:high]
        along = np.cumsum(np.pad(part, ((0, 0), (1, 0))), axis=1)
        down = np.cumsum(np.pad(part, ((1, 0), (0, 0))), axis=0)
        top = (along[tops, wide_px:] - along[tops, :-wide_px])[:, :-1] / wide_px
        edge = (down[tops + high_px] - down[tops]) / high_px
        inner = tops + high_px // 2
        hollow = 1 - (along[inner, wide_px - 4 :] - along[inner, : -(wide_px - 4)])[:, 4 : 4 + top.shape[1]] / wide_px
        rising, falling = edge[:, : top.shape[1]], edge[:, wide_px : wide_px + top.shape[1]]
        width = min(top.shape[1], rising.shape[1], falling.shape[1], hollow.shape[1])
        top, rising, falling = top[:, :width], rising[:, :width], falling[:, :width]
        score = np.sqrt(top * np.maximum(rising, falling)) if hidden else np.cbrt(top * rising * falling)
        score = score * (hollow[:, :width] > 0.6)
        scores.append(score.max(axis=0))
        feet.append(tops[score.argmax(axis=0)] + high_px)
    clearest = np.sort(scores, axis=0)[len(scores) // 2 :] if hidden else scores
    total = np.mean(clearest, axis=0)
    at = int(total.argmax())
    seen = [float(foot[at]) if score[at] > PULSE_SEEN else np.nan for foot, score in zip(feet, scores, strict=True)]
    return Pulse(low + at, low + at + wide_px, size_mm[0], tuple(seen), float(total[at]))
