"""Is this a recording of the heart, in the unit, at the rate and with the leads that it claims?

What is measured here is measured alike inside a serving graph (`export/raw/quality.py`), so it is made of sums, orders
and differences alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array, SignalRecord
from kerasmed.errors import DataError
from kerasmed.spec import SignalContract

WINDOW_S = 2.0
FLAT_S = 1.0
# So long at the end of a lead's range is a converter at its limit; a shorter rest is a peak.
CLIPPED_S, LEAST_CLIPPED = 0.01, 3
# Waves of the heart are slower than half of this; what is faster is averaged away before frequencies are measured.
WAVE_RATE_HZ = 125.0
# Einthoven's and Goldberger's equations: the lead, and its weights on I and II.
LIMB_LEADS = {"III": (-1.0, 1.0), "AVR": (-0.5, -0.5), "AVL": (1.0, -0.5), "AVF": (-0.5, 1.0)}
TINY = 1e-12


@dataclass(frozen=True)
class Fault:
    """What is wrong with a recording.

    Attributes:
        name: One of `FAULTS`.
        reason: What was measured, and what it may come from.
    """

    name: str
    reason: str


# In the order in which they are looked for; a serving graph answers with one truth value for each.
FAULTS = ("short", "missing", "flat", "amplitude", "clipped", "frequency", "leads")


@dataclass(frozen=True)
class Measures:
    """What was measured of a recording.

    Attributes:
        duration_s: Its length.
        missing_rate: float64 (num_leads,), share of the samples that are NaN.
        flat_rate: float64 (num_leads,), share of the samples in stretches of `FLAT_S` or longer without a change.
        clipped_rate: float64 (num_leads,), share of the samples that rest for `CLIPPED_S` or longer at the highest or
            the lowest value of the lead.
        range_mv: float64 (num_leads,), median over windows of `WINDOW_S` of highest less lowest value.
        frequency_hz: float64 (num_leads,), median over windows of the mean frequency: root mean square of the slope
            over that of the deviation, over 2 pi.
        conflict: Largest deviation of a limb lead from what I and II make of it, as root mean square in parts of II;
            0 where I, II or all others are not there.
    """

    duration_s: float
    missing_rate: Array
    flat_rate: Array
    clipped_rate: Array
    range_mv: Array
    frequency_hz: Array
    conflict: float


def measure_signal(record: SignalRecord) -> Measures:
    """The measures of all leads of a recording."""
    # Sums and orders along contiguous memory take a fraction of the time.
    leads_mv, rate_hz = np.ascontiguousarray(record.signal_mv.T), record.rate_hz
    # The least value is NaN where any is: most recordings miss nothing and need no search for it.
    whole = not np.isnan(leads_mv.min())
    low, high = _limits(leads_mv, whole)
    low_by_window, high_by_window = _limits(_windows(leads_mv, rate_hz), whole)
    still = np.zeros(leads_mv.shape, bool)
    np.equal(leads_mv[:, 1:], leads_mv[:, :-1], out=still[:, 1:])
    return Measures(
        duration_s=leads_mv.shape[1] / rate_hz,
        missing_rate=np.zeros(len(leads_mv)) if whole else np.isnan(leads_mv).mean(axis=1),
        flat_rate=_rate_in_runs(still, flat_length(rate_hz)),
        clipped_rate=_rate_in_runs((leads_mv == low[:, None]) | (leads_mv == high[:, None]), clipped_length(rate_hz)),
        range_mv=_median(high_by_window - low_by_window),
        frequency_hz=_frequency_hz(leads_mv if whole else np.nan_to_num(leads_mv), rate_hz),
        conflict=_conflict(leads_mv if whole else leads_mv[:, ~np.isnan(leads_mv).any(axis=0)], record.leads),
    )


def flat_length(rate_hz: float) -> int:
    """Fewest samples without a change that are a flat stretch."""
    return max(2, round(FLAT_S * rate_hz))


def clipped_length(rate_hz: float) -> int:
    """Fewest samples at the end of a lead's range that are a clipped stretch."""
    return max(LEAST_CLIPPED, round(CLIPPED_S * rate_hz))


def faults_of(measures: Measures, contract: SignalContract, rate_hz: float) -> Iterator[Fault]:
    """What breaks `contract`, in the order of `FAULTS`; of several leads with one fault the worst is named."""
    duration_s, leads = measures.duration_s, contract.leads
    if duration_s < contract.shortest_s:
        yield Fault("short", f"lasts {duration_s:.3g} s; {contract.shortest_s:g} s or more are needed")
    rates = {
        "missing": (measures.missing_rate, contract.max_missing_rate, "misses {:.1%} of its samples"),
        "flat": (measures.flat_rate, contract.max_flat_rate, "stands still for {:.0%} of the time"),
    }
    for name, (rate, most, words) in rates.items():
        worst = int(rate.argmax())
        if rate[worst] > most:
            yield Fault(name, f"lead {leads[worst]} {words.format(rate[worst])}; {most:.0%} may be")
    yield from _amplitude(measures.range_mv, contract)
    worst = int(measures.clipped_rate.argmax())
    if measures.clipped_rate[worst] > contract.max_clipped_rate:
        share = f"{measures.clipped_rate[worst]:.1%} of lead {leads[worst]}"
        yield Fault(
            "clipped", f"{share} is cut off at its highest or lowest value; {contract.max_clipped_rate:.0%} may be"
        )
    frequency = float(np.median(measures.frequency_hz))
    slow, fast = contract.frequency_hz
    if not slow <= frequency <= fast:
        about = f"{frequency:.3g} Hz where those of an ECG have {slow:g} to {fast:g}"
        yield Fault("frequency", f"its waves have {about}: noise, or not sampled at {rate_hz:g} Hz")
    if measures.conflict > contract.max_conflict:
        off = f"{measures.conflict:.2g} of lead II"
        yield Fault("leads", f"its limb leads contradict each other by {off}: swapped or misnamed leads")


def _amplitude(range_mv: Array, contract: SignalContract) -> Iterator[Fault]:
    least, most = contract.range_mv
    if range_mv.max() > most:
        worst, guess = int(range_mv.argmax()), "microvolts or converter steps taken for millivolts"
    elif range_mv.min() < least:
        worst, guess = int(range_mv.argmin()), "a lead that is off, or volts taken for millivolts"
    else:
        return
    swing = f"lead {contract.leads[worst]} swings by {range_mv[worst]:.3g} mV"
    yield Fault("amplitude", f"{swing} where {least:g} to {most:g} are an ECG's: {guess}")


def check_signal(record: SignalRecord, contract: SignalContract) -> tuple[str, ...]:
    """Hold a recording against the contract of a model.

    Args:
        record: With the leads of the contract, in its order.
        contract: The limits.

    Returns:
        What is worth a note though it is within them.

    Raises:
        DataError: It breaks one; the message names the fault as in `FAULTS`.
    """
    measures = require_signal(record, contract)
    worst = int(measures.clipped_rate.argmax())
    if measures.clipped_rate[worst] > 0:
        lead = contract.leads[worst]
        return (f"lead {lead} is cut off at its highest or lowest value in {measures.clipped_rate[worst]:.2%}",)
    return ()


def require_signal(record: SignalRecord, contract: SignalContract) -> Measures:
    """The measures of a recording that keeps the contract; raises `DataError` as `check_signal` does."""
    measures = measure_signal(record)
    for fault in faults_of(measures, contract, record.rate_hz):
        raise DataError(record.record_id, f"{fault.reason} ({fault.name}).")
    return measures


# Of each lead, in the order of the columns of `measures_by_lead`.
BY_LEAD = ("missing_rate", "flat_rate", "clipped_rate", "range_mv", "frequency_hz", "conflict")


def measures_by_lead(measures: Measures) -> Array:
    """float32 (num_leads, len(BY_LEAD)); `conflict`, which is of all limb leads together, stands beside each lead."""
    columns = [np.broadcast_to(getattr(measures, name), measures.range_mv.shape) for name in BY_LEAD]
    return np.stack(columns, axis=1).astype(np.float32)


def window_length(num_samples: int, rate_hz: float) -> int:
    """Samples of a window of `WINDOW_S`, or of the whole signal where it is shorter."""
    return max(1, min(round(WINDOW_S * rate_hz), num_samples))


def _windows(values: Array, rate_hz: float) -> Array:
    """(num_leads, num_windows, window): the whole windows of `values` (num_leads, num_samples)."""
    num_leads, num_samples = values.shape
    length = window_length(num_samples, rate_hz)
    return values[:, : num_samples // length * length].reshape(num_leads, -1, length)


def _limits(values: Array, whole: bool) -> tuple[Array, Array]:
    """Lowest and highest of `values` (..., num_samples) that are not missing; 0 and 0 where all are."""
    if whole:
        return np.minimum.reduce(values, axis=-1), np.maximum.reduce(values, axis=-1)
    return np.nan_to_num(np.fmin.reduce(values, axis=-1)), np.nan_to_num(np.fmax.reduce(values, axis=-1))


def _rate_in_runs(mask: Array, length: int) -> Array:
    """float64 (num_leads,): share of `mask` (num_leads, num_samples) in true runs of at least `length`."""
    rates = np.zeros(len(mask))
    for lead in np.flatnonzero(np.count_nonzero(mask, axis=1) >= length):
        between = np.zeros(mask.shape[1] + 2, bool)
        between[1:-1] = mask[lead]
        edges = np.flatnonzero(between[1:] != between[:-1])
        lengths = edges[1::2] - edges[::2]
        rates[lead] = lengths[lengths >= length].sum() / mask.shape[1]
    return rates


def _frequency_hz(leads_mv: Array, rate_hz: float) -> Array:
    block = max(1, round(rate_hz / WAVE_RATE_HZ))
    num_leads, num_samples = leads_mv.shape
    num_blocks = num_samples // block
    if num_blocks < 2:
        return np.zeros(num_leads)
    waves = leads_mv
    if block > 1:
        waves = leads_mv[:, : num_blocks * block].reshape(num_leads, num_blocks, block).mean(axis=2)
    windows = _windows(waves, rate_hz / block)
    slope = np.square(np.diff(windows, axis=2)).mean(axis=2) * (rate_hz / block) ** 2
    ratio = slope / np.maximum(windows.var(axis=2), TINY)
    return np.sqrt(_median(ratio)) / (2 * np.pi)


def limb_equations(leads: tuple[str, ...]) -> list[tuple[int, int, int, float, float]]:
    """Columns of a limb lead, of I and of II, and what I and II weigh in it; none where I or II are not there."""
    upper = [lead.upper() for lead in leads]
    if "I" not in upper or "II" not in upper:
        return []
    first, second = upper.index("I"), upper.index("II")
    return [(upper.index(name), first, second, *weights) for name, weights in LIMB_LEADS.items() if name in upper]


def _conflict(leads_mv: Array, leads: tuple[str, ...]) -> float:
    equations = limb_equations(leads) if leads_mv.shape[1] else []
    if not equations:
        return 0.0
    _, first, second, _, _ = equations[0]
    spread = max(float(leads_mv[second].std()), TINY)
    off = [
        leads_mv[lead] - of_first * leads_mv[first] - of_second * leads_mv[second]
        for lead, _, _, of_first, of_second in equations
    ]
    return float(np.std(off, axis=1).max()) / spread


def _median(values: Array) -> Array:
    """`np.median` along the last axis of a few values without a NaN, which it takes much longer to make sure of."""
    ordered, middle = np.sort(values, axis=-1), values.shape[-1] // 2
    if values.shape[-1] % 2:
        return np.asarray(ordered[..., middle])
    return np.asarray((ordered[..., middle - 1] + ordered[..., middle]) / 2)
