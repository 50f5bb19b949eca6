"""Intervals between R peaks: twin of `data/rhythm.py`, of the whole recording."""

import numpy as np
import tensorflow as tf

from kerasmed.data.rhythm import IRREGULAR_LOG_CHANGE, LOCAL_BEATS, LONGEST_RR_S, SHORTEST_RR_S
from kerasmed.export.raw.ops import Tensor, median, neighbours


def rr_features(peaks: Tensor, rate_hz: float) -> Tensor:
    """float32 (n, len(RR_CHANNELS)) of int64 peaks (n,), n at least 1."""
    intervals = tf.cast(peaks[1:] - peaks[:-1], tf.float64) / rate_hz
    intervals = tf.clip_by_value(intervals, np.float64(SHORTEST_RR_S), np.float64(LONGEST_RR_S))
    # A lone beat has no interval; any will do, since only ratios of intervals count.
    count = tf.shape(peaks)[0]
    intervals = tf.concat([intervals, tf.ones([tf.maximum(2 - count, 0)], tf.float64)], axis=0)
    previous = tf.concat([intervals[:1], intervals], axis=0)[:count]
    following = tf.concat([intervals, intervals[-1:]], axis=0)[:count]
    local = _mean_of_last(previous, LOCAL_BEATS)
    mean = tf.reduce_mean(intervals)
    ratios = [previous / mean, following / mean, local / mean]
    ratios += [previous / local, following / local, previous / following]
    logs = tf.math.log(previous)
    change = tf.abs(logs - tf.concat([logs[:1], logs[:-1]], axis=0))
    irregular = tf.cast(change > IRREGULAR_LOG_CHANGE, tf.float64)
    columns = [
        *(tf.math.log(ratio) for ratio in ratios),
        tf.reduce_mean(neighbours(irregular, 10, 10, mirrored=True), axis=1),
        tf.reduce_mean(neighbours(irregular, 30, 30, mirrored=True), axis=1),
        median(neighbours(change, 10, 10, mirrored=True)),
        median(neighbours(change, 25, 25, mirrored=True)),
        tf.fill([count], median(change)),
    ]
    return tf.cast(tf.stack(columns, axis=1), tf.float32)


def _mean_of_last(values: Tensor, width: int) -> Tensor:
    sums = tf.concat([tf.zeros([1], values.dtype), tf.cumsum(values)], axis=0)
    ends = tf.range(1, tf.shape(values)[0] + 1)
    starts = tf.maximum(ends - width, 0)
    return (tf.gather(sums, ends) - tf.gather(sums, starts)) / tf.cast(ends - starts, values.dtype)
