"""Orders, sums and neighbours of tensors: what numpy and scipy do in `data/`, as ONNX can hold it."""

from typing import Any

import numpy as np
import tensorflow as tf

from kerasmed.data.storing import LARGEST_STEP, STEP

Tensor = Any


def upper_median(values: Tensor) -> Tensor:
    """Median over the last axis; of an even number the upper one of the middle two."""
    return tf.gather(tf.sort(values, axis=-1), tf.shape(values)[-1] // 2, axis=-1)


def median(values: Tensor) -> Tensor:
    """Median over the last axis, as `np.median`."""
    ordered, count = tf.sort(values, axis=-1), tf.shape(values)[-1]
    return (tf.gather(ordered, (count - 1) // 2, axis=-1) + tf.gather(ordered, count // 2, axis=-1)) / 2


def without_nan(values: Tensor) -> Tensor:
    """`values` with 0 for NaN.

    tf2onnx makes a sum of products of any `tf.where` whose condition is not `is_nan` itself, and NaN or infinity times
    0 is NaN; so this comes first, and nothing that is not finite goes through another `tf.where`.
    """
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def last_axis_first(values: Tensor) -> Tensor:
    """(..., n) from (n, ...)."""
    rank = len(values.shape)
    return tf.transpose(values, [*range(1, rank), 0])


def window_sums(values: Tensor, length: int) -> Tensor:
    """Sums over `length` neighbours along the first axis, where they are all there."""
    sums = tf.cumsum(values, axis=0)
    sums = tf.concat([tf.zeros_like(sums[:1]), sums], axis=0)
    return sums[length:] - sums[:-length]


def rate_in_runs(mask: Tensor, length: int) -> Tensor:
    """Share of the places of `mask` (num_samples, num_leads) in true runs of at least `length`."""
    begins = tf.cast(tf.equal(window_sums(tf.cast(mask, tf.int32), length), length), tf.int32)
    around = tf.pad(begins, [[length - 1, length - 1], [0, 0]])
    inside = tf.cast(window_sums(around, length) > 0, tf.float32)
    return tf.reduce_sum(inside, axis=0) / tf.cast(tf.shape(mask)[0], tf.float32)


def whole_windows(values: Tensor, length: int) -> Tensor:
    """(num_windows, length, ...): whole windows of `values`; one that repeats the last value where it is shorter."""
    values = at_least_one(values)
    count = tf.shape(values)[0]
    places = tf.minimum(tf.range(tf.maximum(count // length, 1) * length), count - 1)
    return tf.reshape(tf.gather(values, places), [-1, length, *values.shape[1:]])


def neighbours(values: Tensor, before: int, behind: int, *, mirrored: bool) -> Tensor:
    """(n, before + 1 + behind): each of `values` (n,) among its neighbours.

    Beyond the ends the values are mirrored (as numpy's "symmetric"), or the last one is repeated.
    """
    count = tf.shape(values)[0]
    places = tf.range(count)[:, None] + tf.range(-before, behind + 1)[None, :]
    if mirrored:
        # tf2onnx gives the remainder the sign of the place, so places are made positive first.
        places = tf.math.floormod(places + 2 * count * before, 2 * count)
        places = tf.minimum(places, 2 * count - 1 - places)
    return tf.gather(values, tf.clip_by_value(places, 0, count - 1))


def bridged(values: Tensor, missing: Tensor) -> Tensor:
    """`values` (n,), 0 where missing, with straight lines across those gaps as `np.interp` draws them."""
    places = tf.range(tf.shape(values)[0])
    there = tf.concat([tf.boolean_mask(places, ~missing), [0]], axis=0)
    last = tf.maximum(tf.shape(there)[0] - 2, 0)
    passed = tf.cumsum(tf.cast(~missing, tf.int32))
    left = tf.gather(there, tf.clip_by_value(passed - 1, 0, last))
    right = tf.gather(there, tf.clip_by_value(passed, 0, last))
    span = tf.cast(tf.maximum(right - left, 1), values.dtype)
    share = tf.clip_by_value(tf.cast(places - left, values.dtype) / span, 0, 1)
    low, high = tf.gather(values, left), tf.gather(values, right)
    return tf.where(missing, low + (high - low) * share, values)


def in_steps(values: Tensor) -> Tensor:
    """Millivolts that a prepared set would hold of `values`: whole steps, those beyond the range clipped."""
    steps = tf.clip_by_value(tf.round(values / np.float32(STEP)), -LARGEST_STEP, LARGEST_STEP)
    return steps * np.float32(STEP)


def at_least_one(rows: Tensor) -> Tensor:
    """`rows`, and one row of zeros where there is none, so that no order is asked of nothing."""
    missing = tf.maximum(1 - tf.shape(rows)[0], 0)
    return tf.concat([rows, tf.zeros([missing, *rows.shape[1:]], rows.dtype)], axis=0)
