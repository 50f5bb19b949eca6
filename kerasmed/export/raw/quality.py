"""The contract of a recording inside a graph: twin of `data/quality.py`."""

import math
from typing import Any

import tensorflow as tf

from kerasmed.data.quality import TINY, WAVE_RATE_HZ, WINDOW_S, clipped_length, flat_length, limb_equations
from kerasmed.export.raw.ops import Tensor, last_axis_first, median, rate_in_runs, whole_windows, without_nan
from kerasmed.spec import SignalContract


def signal_faults(signal_mv: Tensor, rate_hz: float, contract: SignalContract) -> Tensor:
    """Bool, one for each of `FAULTS`, in their order.

    Args:
        signal_mv: float32 (num_samples, num_leads), the leads of the contract; NaN where samples are missing.
        rate_hz: Its rate.
        contract: The limits.
    """
    missing = tf.math.is_nan(signal_mv)
    present = without_nan(signal_mv)
    low, high = _limits(present, missing)
    still = tf.concat([tf.zeros_like(missing[:1]), tf.equal(signal_mv[1:], signal_mv[:-1])], axis=0)
    window = max(1, round(WINDOW_S * rate_hz))
    range_mv = median(last_axis_first(_range(whole_windows(present, window), whole_windows(missing, window))))
    at_limit = tf.equal(signal_mv, low) | tf.equal(signal_mv, high)
    frequency = median(_frequency_hz(present, rate_hz))
    slow, fast = contract.frequency_hz
    least, most = contract.range_mv
    duration_s = tf.cast(tf.shape(signal_mv)[0], tf.float32) / rate_hz
    found = {
        "short": duration_s < contract.shortest_s,
        "missing": _any(tf.reduce_mean(tf.cast(missing, tf.float32), axis=0) > contract.max_missing_rate),
        "flat": _any(rate_in_runs(still, flat_length(rate_hz)) > contract.max_flat_rate),
        "amplitude": _any((range_mv < least) | (range_mv > most)),
        "clipped": _any(rate_in_runs(at_limit, clipped_length(rate_hz)) > contract.max_clipped_rate),
        "frequency": (frequency < slow) | (frequency > fast),
        "leads": _conflict(present, missing, contract) > contract.max_conflict,
    }
    return tf.stack(list(found.values()))


def _any(faults: Tensor) -> Tensor:
    return tf.reduce_any(faults)


def _limits(values: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest of what is not missing; `values` are finite."""
    beyond = tf.fill(tf.shape(values), tf.constant(values.dtype.max, values.dtype))
    low = tf.reduce_min(tf.where(missing, beyond, values), axis=-2)
    high = tf.reduce_max(tf.where(missing, -beyond, values), axis=-2)
    none = low > high
    return tf.where(none, tf.zeros_like(low), low), tf.where(none, tf.zeros_like(high), high)


def _range(windows: Tensor, missing: Tensor) -> Tensor:
    low, high = _limits(windows, missing)
    return high - low


def _frequency_hz(present: Tensor, rate_hz: float) -> Tensor:
    """(num_leads,)."""
    block = max(1, round(rate_hz / WAVE_RATE_HZ))
    num_leads = present.shape[1]
    num_blocks = tf.shape(present)[0] // block
    waves = tf.reduce_mean(tf.reshape(present[: num_blocks * block], [-1, block, num_leads]), axis=1)
    windows = whole_windows(waves, max(1, round(WINDOW_S * rate_hz / block)))
    slope = tf.reduce_mean(tf.square(windows[:, 1:] - windows[:, :-1]), axis=1) * (rate_hz / block) ** 2
    deviation = tf.reduce_mean(tf.square(windows - tf.reduce_mean(windows, axis=1, keepdims=True)), axis=1)
    return tf.sqrt(median(last_axis_first(slope / tf.maximum(deviation, TINY)))) / (2 * math.pi)


def _conflict(present: Tensor, missing: Tensor, contract: SignalContract) -> Tensor:
    worst: Any = tf.constant(0.0)
    rows = tf.boolean_mask(present, ~tf.reduce_any(missing, axis=1))
    for column, first, second, of_first, of_second in limb_equations(contract.leads):
        off = rows[:, column] - of_first * rows[:, first] - of_second * rows[:, second]
        worst = tf.maximum(worst, _deviation(off) / tf.maximum(_deviation(rows[:, second]), TINY))
    return worst


def _deviation(values: Tensor) -> Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(values - tf.reduce_mean(values))))
