"""What leads owe one another: Einthoven's and Goldberger's equations, and the two prints of lead II."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.leads import Strip

# What I and II weigh in each limb lead.
WEIGHTS = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
# Beyond this, or this share of the leads' own deviation, leads contradict one another and are left as they were read.
LARGEST_MV, LARGEST_SHARE = 0.15, 0.3
SAME = 0.9


@dataclass(frozen=True)
class Consistency:
    """How far the limb leads agree.

    Attributes:
        rms_mv: Root mean square of what is off from the equations, as read; None where too few limb leads were
            recorded at the same time.
        used: Whether the equations were used to mend the leads.
        second_print_r: Correlation of the two prints of lead II; None where there is one print.
    """

    rms_mv: float | None
    used: bool
    second_print_r: float | None


def join_strips(strips: list[Strip], num_samples: int) -> tuple[Array, Array, float | None]:
    """All strips on one time axis.

    Returns:
        float64 (12, num_samples) in mV, NaN where not printed; bool alike, where there was ink; correlation of the two
        prints of lead II. Where a lead is printed twice and both prints agree, their mean stands; else the one with
        more ink.
    """
    signals = np.full((len(LEADS), num_samples), np.nan)
    seen = np.zeros((len(LEADS), num_samples), bool)
    agreement = None
    for strip in sorted(strips, key=lambda one: -len(one.values_mv)):
        lead, place = LEADS.index(strip.lead), slice(strip.first, strip.first + len(strip.values_mv))
        before, had = signals[lead, place].copy(), seen[lead, place].copy()
        both = had & strip.seen
        values = strip.values_mv
        if both.sum() > 50 and np.nanstd(before[both]) > 0 and values[both].std() > 0:
            agreement = float(np.corrcoef(before[both], values[both])[0, 1])
            values = values + np.median(before[both] - values[both])
            if agreement < SAME:
                continue
        mean = np.where(both, (before + values) / 2, np.where(had | ~np.isfinite(values), before, values))
        signals[lead, place] = np.where(np.isfinite(mean), mean, strip.values_mv)
        seen[lead, place] = had | strip.seen
    return signals, seen, agreement


def make_consistent(signals: Array, seen: Array) -> tuple[Array, Array, float | None, bool]:
    """Limb leads moved as little as makes them obey the equations, where they nearly do; gaps filled from the others.

    Args:
        signals: float64 (12, n), mV.
        seen: bool (12, n), where there was ink.

    Returns:
        The leads, where they are now known, how far they were off (mV, root mean square; None where no moment has
        enough leads), and whether the equations were used.
    """
    names = list(WEIGHTS)
    rows = [LEADS.index(name) for name in names]
    matrix = np.array([WEIGHTS[name] for name in names])
    limbs, known = signals[rows], seen[rows] & np.isfinite(signals[rows])
    shown = np.isfinite(limbs)
    fitted, off = limbs.copy(), np.full(limbs.shape, np.nan)
    codes = (known * (1 << np.arange(len(rows)))[:, None]).sum(axis=0)
    solvable = np.zeros(limbs.shape[1], bool)
    for code in np.unique(codes):
        there = np.flatnonzero([code >> bit & 1 for bit in range(len(rows))])
        if len(there) < 2 or np.linalg.matrix_rank(matrix[there]) < 2:
            continue
        at = np.flatnonzero(codes == code)
        level = limbs[np.ix_(there, at)]
        sources = np.linalg.lstsq(matrix[there], level, rcond=None)[0]
        fitted[:, at] = matrix @ sources
        if len(there) > 2:
            off[np.ix_(there, at)] = fitted[np.ix_(there, at)] - level
            solvable[at] = True
    if solvable.sum() < 100:
        return signals, seen, None, False
    # A zero line that lies a little off is a constant; it is no disagreement of the leads' waves.
    constant = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in off]
    waves = off - np.array(constant)[:, None]
    rms = float(np.sqrt(np.nanmean(np.square(waves))))
    spread = float(
        np.median([np.std(row[there]) for row, there in zip(limbs, known & solvable, strict=True) if there.any()])
    )
    if rms > min(LARGEST_MV, LARGEST_SHARE * spread):
        return signals, seen, rms, False
    better, where = signals.copy(), seen.copy()
    close = np.nan_to_num(np.abs(waves), nan=0.0).max(axis=0) <= 3 * LARGEST_MV
    for number, row in enumerate(rows):
        moved = limbs[number] + np.nan_to_num(waves[number])
        filled = shown[number] & ~known[number] & np.isfinite(fitted[number]) & (codes > 0)
        better[row] = np.where(known[number] & close, moved, signals[row])
        better[row] = np.where(filled & _solved(codes, matrix), fitted[number], better[row])
        where[row] |= filled & _solved(codes, matrix)
    return better, where, rms, True


def _solved(codes: Array, matrix: Array) -> Array:
    """Where the leads that are known determine I and II."""
    solved = {
        int(code): np.linalg.matrix_rank(matrix[[bit for bit in range(len(matrix)) if code >> bit & 1]]) == 2
        for code in np.unique(codes)
        if code
    }
    return np.array([solved.get(int(code), False) for code in codes])
