"""The line of each row: the cheapest path through its ink, and what the line does inside each column.

A step along ink costs little, a step over bare paper much, whether across or up and down; so the path follows strokes
however steep, crosses the rows of others where they cross it, and jumps a gap straight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.flat import PX_PER_MM

INK = 0.5
REACH_MM = 45.0
STEP, CLIMB = 0.02, 0.004  # of a pixel of full ink: across, and up or down
STEEP = 0.3  # of bare paper's cost up or down: strokes with a gap in them are steep where waves are high
LEVEL_PX = 4
# Two paths this far from their rows, and this near each other, may have met in waves that cross.
FAR_PX, NEAR_PX, TRIM = 5 * PX_PER_MM, 12 * PX_PER_MM, 0.25
OWN_STRIP = 0.0006  # for each pixel from the middle of the row, beyond the first millimetres


Parts = list[list[tuple[int, int]]]
# A step far from where a network reads the line costs so much where it is sure; nearer than a few pixels nothing.
HINT, HINT_PX = 1.0, 6.0
SPANNED = 2.0  # half a confidence is enough to go where ink is hidden


@dataclass(frozen=True)
class Hint:
    """Where a network reads the line of a row.

    Attributes:
        y: float64 (n,), in pixels of the flat page, by column.
        confidence: float64 (n,), 0 where nothing is known.
    """

    y: Array
    confidence: Array


@dataclass(frozen=True)
class Line:
    """The ink of one row, column by column from its first to its last.

    Attributes:
        top: float64 (n,), upper edge of the row's ink, in pixels of the flat page.
        bottom: Lower edge.
        path: Where the path leaves the column.
        seen: bool (n,), whether there is ink.
        confidence: float64 (n,), how sure the ink is, 0..1.
    """

    top: Array
    bottom: Array
    path: Array
    seen: Array
    confidence: Array


def follow_rows(
    trace: Array, rows: Array, first: int, last: int, parts: Parts | None = None, hints: list[Hint] | None = None
) -> list[Line]:
    """The line of each row between two columns.

    Args:
        trace: float32 (h, w), ink in 0..1.
        rows: float64 (R,), about where the rows' zero lines lie.
        first: Column where the rows begin.
        last: Column behind their end.
        parts: Of each row, the stretches (first column, column behind the last) of the page that hold one lead each; a
            line begins and ends in each as it likes. One stretch for the whole row where there are none.
        hints: Of each row, where a network reads its line, on all columns of the page.
    """
    part = trace[:, first:last]
    stretches = [_within(one, first, last) for one in parts or [[(first, last)]] * len(rows)]
    nowhere = [np.zeros(part.shape, bool)] * len(rows)
    near: list[Hint | None] = [None] * len(rows)
    if hints is not None:
        near = [Hint(hint.y[first:last], hint.confidence[first:last]) for hint in hints]
    passed = _pass(part, rows, stretches, nowhere, near)
    taken = [_taken(part.shape, rows, number, passed) for number in range(len(rows))]
    passed = _pass(part, rows, stretches, taken, near)
    lines = []
    for number, (low, high, path) in enumerate(passed):
        others = [ends for other, ends in enumerate(passed) if other != number]
        line = _grown(part, low, high, path, others)
        inside = np.zeros(part.shape[1], bool)
        for start, end in stretches[number]:
            inside[start:end] = True
        lines.append(replace(line, seen=line.seen & inside))
    return lines


def _within(stretches: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Stretches as columns of the part that is looked at, those that hold anything."""
    inside = [(max(start, first) - first, min(end, last) - first) for start, end in stretches]
    return [(start, end) for start, end in inside if end > start]


def _pass(
    part: Array, rows: Array, stretches: Parts, taken: list[Array], hints: Sequence[Hint | None]
) -> list[tuple[Array, Array, Array]]:
    """The cheapest path of each row, stretch by stretch; on the row itself between them."""
    found = []
    for row, mine, zone, hint in zip(rows, stretches, taken, hints, strict=True):
        ends = tuple(np.full(part.shape[1], round(float(row))) for _ in range(3))
        for start, end in mine:
            known = None if hint is None else Hint(hint.y[start:end], hint.confidence[start:end])
            pieces = _path(part[:, start:end], float(row), zone[:, start:end], known)
            for whole, piece in zip(ends, pieces, strict=True):
                whole[start:end] = piece
        found.append((ends[0], ends[1], ends[2]))
    return found


def _taken(shape: tuple[int, ...], rows: Array, own: int, passed: list[tuple[Array, Array, Array]]) -> Array:
    """Where, on the page, the level lines of other rows lie, along which row `own` may take no short cut.

    A deep wave crosses the next row; the cheapest way from its one stroke to the other would be along that row's line.
    """
    zone = np.zeros(shape, bool)
    columns = np.arange(shape[1])
    for other, (low, high, path) in enumerate(passed):
        if other == own:
            continue
        level = (high - low <= LEVEL_PX) & (np.abs(path - rows[other]) < np.abs(path - rows[own]))
        for step in range(-LEVEL_PX, LEVEL_PX + 1):
            at = np.clip(path[level] + step, 0, shape[0] - 1)
            zone[at, columns[level]] = True
        _bar_turning_back(zone, rows[own], rows[other], passed[own], passed[other])
    return zone


def _bar_turning_back(
    zone: Array, own: float, other: float, mine: tuple[Array, Array, Array], theirs: tuple[Array, Array, Array]
) -> None:
    """Mark where row `own` would turn back at a wave of another row that comes towards it.

    Where two waves cross, each cheapest path takes the other's tip for its own and goes back. A wave that crosses goes
    on instead: in the columns where two paths come near each other far from both rows, staying on one's own side costs
    as bare paper does. Where there is no ink beyond, that is still the cheapest way.
    """
    (my_low, my_high, my_path), (their_low, their_high, their_path) = mine, theirs
    down = own < other
    gap = their_low - my_high if down else my_low - their_high
    out_of_strip = (my_path - own > FAR_PX) & (other - their_path > FAR_PX)
    if not down:
        out_of_strip = (own - my_path > FAR_PX) & (their_path - other > FAR_PX)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], out_of_strip & (gap < NEAR_PX), [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        trim = max(1, round(TRIM * (end - start)))
        middle = slice(start + trim, end - trim)
        if middle.stop <= middle.start:
            continue
        level = round(float(np.median(my_path[middle]) + np.median(their_path[middle])) / 2)
        zone[: level + 1, middle] |= down
        zone[level:, middle] |= not down


def _path(part: Array, row: float, taken: Array, hint: Hint | None) -> tuple[Array, Array, Array]:
    """Upper and lower end of the cheapest path in each column, int64 (n,), and where it leaves the column."""
    reach = round(REACH_MM * PX_PER_MM)
    above, below = max(0, round(row) - reach), min(len(part), round(row) + reach + 1)
    band = part[above:below].T.astype(np.float64)  # (n, height)
    strip = OWN_STRIP * np.maximum(np.abs(np.arange(above, below) - row) - 8 * PX_PER_MM, 0)
    # Thin strokes are grey; what is ink at all must not cost by the length of a tall wave.
    paper = np.clip((INK + 0.1 - band) / INK, 0, 1)
    if hint is not None:
        paper *= 1 - _spanned(hint, above, below)
    across = paper + STEP + strip
    across[taken[above:below].T] += 1.0
    if hint is not None:
        away = np.abs(np.arange(above, below)[None] - hint.y[:, None])
        across += HINT * hint.confidence[:, None] * np.clip((away - HINT_PX) / (4 * HINT_PX), 0, 1)
    climb = STEEP * paper + CLIMB
    heights = np.cumsum(climb, axis=1)  # cost of going down from the top of the band
    entered, settled = np.empty_like(band), np.empty_like(band)
    settled_before = np.zeros(band.shape[1]) + 0.05 * np.abs(np.arange(above, below) - row) / PX_PER_MM
    for column in range(len(band)):
        beside = settled_before.copy()
        np.minimum(beside[1:], settled_before[:-1] + 0.01, out=beside[1:])
        np.minimum(beside[:-1], settled_before[1:] + 0.01, out=beside[:-1])
        entered[column] = beside + across[column]
        settled_before = _climbed(entered[column], heights[column])
        settled[column] = settled_before
    low, high, path = _back(entered, settled, heights)
    return low + above, high + above, path + above


def _spanned(hint: Hint, above: int, below: int) -> Array:
    """How sure a network is, 0..1 (n, height), that the line runs there behind what hides its ink.

    It runs between the heights that the network reads in columns side by side.
    """
    y = np.pad(hint.y, 1, mode="edge")
    near = np.stack([y[:-2], y[1:-1], y[2:]])
    places = np.arange(above, below)[None]
    within = (places >= near.min(axis=0)[:, None] - 1) & (places <= near.max(axis=0)[:, None] + 1)
    return np.asarray(within * np.clip(SPANNED * hint.confidence, 0, 1)[:, None])


def _climbed(entered: Array, heights: Array) -> Array:
    """Cost of each place of a column when it may be reached from any other by climbing."""
    down = np.minimum.accumulate(entered - heights) + heights
    up = np.minimum.accumulate((entered + heights)[::-1])[::-1] - heights
    return np.minimum(down, up)


def _back(entered: Array, settled: Array, heights: Array) -> tuple[Array, Array, Array]:
    """The path from its cheapest end back to the first column."""
    num_columns, size = entered.shape
    low, high, path = (np.empty(num_columns, np.int64) for _ in range(3))
    at = int(settled[-1].argmin())
    for column in range(num_columns - 1, -1, -1):
        path[column] = at
        costs, base = entered[column], heights[column]
        source = int((costs + np.abs(base - base[at])).argmin())
        low[column], high[column] = min(at, source), max(at, source)
        at = source
        if column:
            before = settled[column - 1]
            near = range(max(0, at - 1), min(size, at + 2))
            at = min(near, key=lambda place: before[place] + 0.01 * (place != source))
    return low, high, path


def _grown(part: Array, low: Array, high: Array, path: Array, others: list[tuple[Array, Array, Array]]) -> Line:
    """The path grown to the edges of its ink, up to where another row's path runs."""
    num_rows, num_columns = part.shape
    top, bottom = low.astype(np.float64), high.astype(np.float64)
    seen, confidence = np.zeros(num_columns, bool), np.zeros(num_columns)
    for column in range(num_columns):
        ink = part[:, column]
        first, last = int(low[column]), int(high[column])
        held = np.flatnonzero(ink[max(0, first - 2) : last + 3] > INK) + max(0, first - 2)
        if not len(held):
            continue
        seen[column] = True
        confidence[column] = float(ink[held].mean())
        spans = [(int(ends[0][column]), int(ends[1][column])) for ends in others]
        barred_above = max((min(high, int(held[0]) - 1) for low, high in spans if low < held[0]), default=-1)
        barred_below = min((max(low, int(held[-1]) + 1) for low, high in spans if high > held[-1]), default=num_rows)
        top[column] = _edge(ink, int(held[0]), -1, barred_above)
        bottom[column] = _edge(ink, int(held[-1]), 1, barred_below)
    return Line(top, bottom, path.astype(np.float64), seen, confidence)


def _edge(ink: Array, start: int, step: int, bar: int) -> float:
    """Where connected ink ends, to parts of a pixel; half way to another row's path at the most."""
    at = start
    while 0 <= at + step < len(ink) and ink[at + step] > INK and at + step != bar:
        at += step
    if at + step == bar or not 0 <= at + step < len(ink):
        # The stroke goes on into another row's line: nobody knows whose it is from here on.
        return float(start) if at + step == bar else float(at)
    inner, outer = float(ink[at]), float(ink[at + step])
    return at + step * (inner - INK) / max(inner - outer, 1e-6)
