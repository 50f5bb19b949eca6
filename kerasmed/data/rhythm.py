"""What the intervals between R peaks say of each beat. Labels never enter."""

from bisect import insort

import numpy as np

from kerasmed.data.records import Array

RR_CHANNELS = (
    "log_previous",
    "log_next",
    "log_local",
    "log_previous_to_local",
    "log_next_to_local",
    "log_previous_to_next",
    "change_rate_20",
    "change_rate_60",
    "change_20",
    "change_50",
    "change_record",
)
LOCAL_BEATS = 10
# Intervals of MIT-BIH (DS1 and the paced records) reach from 0.25 to 3.8 s; a few beyond, of up to 100 s, are gaps in
# which no beat is marked, such as flutter. Limits keep a gap or a mark set twice from swamping the mean and the ratios.
SHORTEST_RR_S, LONGEST_RR_S = 0.2, 4.0
# A change of more than 8 % from one interval to the next counts as irregular.
IRREGULAR_LOG_CHANGE = 0.08


def rr_features(peaks: Array, rate_hz: float, so_far: bool) -> Array:
    """Intervals around each beat against the mean interval of the record, and how regular the rhythm is there.

    Args:
        peaks: int64 (n,), ascending, in samples.
        rate_hz: Sampling rate of `peaks`.
        so_far: Use nothing later than the next beat, as a program at the bedside must; else the whole record.

    Returns:
        float32 (n, len(RR_CHANNELS)). Logarithms of the previous, the next and the local interval (mean of the last
        ten) over the record's mean; of previous and next over local; of previous over next. Then, of the absolute
        logarithmic changes from interval to interval: the share above `IRREGULAR_LOG_CHANGE` among 20 and among 60
        beats around, and the median among 20, among 50 and in the record; the first tell isolated ectopic beats in a
        regular rhythm from atrial fibrillation, where every interval differs. The first beat has no interval before it
        and the last none behind it: the other one stands in. A lone beat counts as regular.
    """
    intervals = np.clip(np.diff(peaks) / rate_hz, SHORTEST_RR_S, LONGEST_RR_S)
    if not len(intervals):
        return np.zeros((len(peaks), len(RR_CHANNELS)), np.float32)
    previous = np.concatenate([intervals[:1], intervals])
    following = np.concatenate([intervals, intervals[-1:]])
    local = _mean_of_last(previous, LOCAL_BEATS)
    mean = _mean_of_last(previous, len(previous)) if so_far else np.full_like(previous, intervals.mean())
    ratios = [
        previous / mean,
        following / mean,
        local / mean,
        previous / local,
        following / local,
        previous / following,
    ]
    change = np.abs(np.diff(np.log(previous), prepend=np.log(previous[0])))
    irregular = (change > IRREGULAR_LOG_CHANGE).astype(np.float64)
    columns = [
        *np.log(ratios),
        _mean_around(irregular, 10, so_far),
        _mean_around(irregular, 30, so_far),
        _median_around(change, 10, so_far),
        _median_around(change, 25, so_far),
        _medians_so_far(change) if so_far else np.full_like(change, np.median(change)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _mean_of_last(values: Array, count: int) -> Array:
    """float64 (n,): mean of each value and up to `count - 1` before it."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - count, 0)
    mean: Array = (sums[ends] - sums[starts]) / (ends - starts)
    return mean


def _mean_around(values: Array, reach: int, so_far: bool) -> Array:
    """float64 (n,): mean over `reach` neighbours to either side, mirrored at the ends; or over twice as many before."""
    from scipy.ndimage import uniform_filter1d

    if so_far:
        return _mean_of_last(values, 2 * reach + 1)
    mean: Array = uniform_filter1d(values, 2 * reach + 1, mode="reflect")
    return mean


def _median_around(values: Array, reach: int, so_far: bool) -> Array:
    """float64 (n,): median over the neighbours of `_mean_around`."""
    from scipy.ndimage import median_filter

    if so_far:
        return _median_of_last(values, 2 * reach + 1)
    # scipy 1.17 mirrors short arrays wrongly, and with an origin reads beyond them.
    mirrored = np.pad(values, reach, mode="symmetric")
    median: Array = median_filter(mirrored, 2 * reach + 1, mode="nearest")[reach:-reach]
    return median


def _median_of_last(values: Array, count: int) -> Array:
    """float64 (n,): median of each value and up to `count - 1` before it."""
    start = _medians_so_far(values[: count - 1])
    if len(values) < count:
        return start
    return np.concatenate([start, np.median(np.lib.stride_tricks.sliding_window_view(values, count), axis=1)])


def _medians_so_far(values: Array) -> Array:
    """float64 (n,): median of all values up to each one."""
    medians = np.empty(len(values))
    ordered: list[float] = []
    for place, value in enumerate(values.tolist()):
        insort(ordered, value)
        medians[place] = (ordered[place // 2] + ordered[(place + 1) // 2]) / 2
    return medians
