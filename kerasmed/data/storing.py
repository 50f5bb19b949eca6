"""What signals go through on their way into a prepared set: gaps are bridged, values become whole steps."""

import logging
from collections.abc import Sequence

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

STEP = 1e-3  # mV, or QRS heights
LARGEST_STEP = 32767
# Gaps are bridged so that the low-pass can run over them; a lead with more of them is not a recording of the heart.
MAX_MISSING_RATE = 0.05

log = logging.getLogger(__name__)


def bridge_gaps(name: str, signal_mv: Array, missing: Array, leads: Sequence[str]) -> Array:
    """A copy of the signal with straight lines across its missing samples, level ones at its ends.

    Args:
        name: Of the record, for messages.
        signal_mv: float32 (num_samples, num_leads).
        missing: Where it is NaN, of the same shape.
        leads: Names, one for each column.

    Raises:
        DataError: A lead misses more than `MAX_MISSING_RATE` of its samples.
    """
    rates = missing.mean(axis=0)
    if rates.max() > MAX_MISSING_RATE:
        worst = leads[int(rates.argmax())]
        raise DataError(
            name, f"lead {worst} misses {rates.max():.1%} of its samples; {MAX_MISSING_RATE:.0%} may be missing."
        )
    bridged = signal_mv.copy()
    for lead, gaps in zip(bridged.T, missing.T, strict=True):
        lead[gaps] = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), lead[~gaps])
    return bridged


def to_steps(name: str, values: Array) -> Array:
    """int16, `values` in whole steps of `STEP`; what lies beyond the largest is clipped, and the log says so."""
    steps = np.rint(values / np.float32(STEP))
    num_clipped = int((np.abs(steps) > LARGEST_STEP).sum())
    if num_clipped:
        log.warning("%s: %d samples beyond %.3f were clipped", name, num_clipped, LARGEST_STEP * STEP)
    return np.clip(steps, -LARGEST_STEP, LARGEST_STEP).astype(np.int16)
