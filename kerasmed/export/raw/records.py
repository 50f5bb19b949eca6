"""A whole record, from its samples to the input of a model: twin of `data/record_examples.py`."""

import numpy as np
import tensorflow as tf

from kerasmed.config.dataset import RecordExamples
from kerasmed.data.record_examples import num_samples
from kerasmed.data.records import Array
from kerasmed.data.resampling import resampling_kernel
from kerasmed.export.raw.ops import Tensor, bridged, in_steps, without_nan


def record_input(signal_mv: Tensor, rate_hz: float, settings: RecordExamples) -> Tensor:
    """float32 (1, num_samples, num_leads): the middle of a record at the rate of the model, the input "signal".

    Args:
        signal_mv: float32 (n, num_leads), n at least 1; NaN where samples are missing.
        rate_hz: Its rate.
        settings: Rate and length of an example.
    """
    missing = tf.math.is_nan(signal_mv)
    present = without_nan(signal_mv)
    whole = tf.stack([bridged(present[:, lead], missing[:, lead]) for lead in range(signal_mv.shape[1])], axis=-1)
    count, ratio = num_samples(settings), rate_hz / settings.rate_hz
    length, read = tf.shape(whole)[0], round(count * ratio)
    # (length - read) // 2; tf2onnx rounds the quotient of a negative number towards zero, so none is divided.
    start = (length + read) // 2 - read
    window = _resampled(whole, start, count, rate_hz, settings.rate_hz)
    # Where a shorter record ends there are zeros; within a longer one no place is beyond.
    places = tf.cast(start, tf.float64) + np.arange(count) * ratio
    within = (places >= 0) & (places <= tf.cast(length - 1, tf.float64))
    inside = tf.cast(within | (start >= 0), tf.float32)
    return in_steps(window * inside[:, None])[None]


def _resampled(signal: Tensor, start: Tensor, count: int, from_hz: float, to_hz: float) -> Tensor:
    """`resample_window`: (count, num_leads), `start` the sample that becomes the first."""
    last = tf.shape(signal)[0] - 1
    if from_hz == to_hz:
        return tf.gather(signal, tf.clip_by_value(start + np.arange(count, dtype=np.int32), 0, last))
    first, kinds, kind = _weights(from_hz, to_hz, count)
    places = start + (first[:, None] + np.arange(kinds.shape[1])).astype(np.int32)
    samples = tf.gather(signal, tf.clip_by_value(places, 0, last))  # (count, taps, leads)
    weights = tf.gather(tf.constant(kinds), kind)[:, None, :]  # (count, 1, taps)
    return tf.matmul(weights, samples)[:, 0]


def _weights(from_hz: float, to_hz: float, count: int) -> tuple[Array, Array, Array]:
    """The resampling kernel by the samples of the window.

    Returns:
        int64 (count,), the first sample that each reads, relative to the start; float32 (kinds, taps), weights; int64
        (count,), which of them each has: rates in a simple ratio have few.
    """
    begin, bands = resampling_kernel(from_hz, to_hz, 0, count)
    near = [np.flatnonzero(column) for band in bands for column in band.weights.T]
    first = np.array([places[0] for places in near])
    rows = np.zeros((count, max(int(places[-1] - places[0]) for places in near) + 1), np.float32)
    columns = (column for band in bands for column in band.weights.T)
    for row, places, column in zip(rows, near, columns, strict=True):
        row[: places[-1] - places[0] + 1] = column[places[0] : places[-1] + 1]
    of_band = np.repeat([band.read.start for band in bands], [band.weights.shape[1] for band in bands])
    kinds, kind = np.unique(rows, axis=0, return_inverse=True)
    return begin + of_band + first, kinds, kind.reshape(-1)
