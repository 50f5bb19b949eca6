"""Beats of a recording, from its samples and R peaks to the inputs of a model: twin of `data/examples.py`."""

import math

import numpy as np
import tensorflow as tf

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.baseline import BLOCK_RATE_HZ, QRS_S, T_S
from kerasmed.data.examples import UNIT_STEP
from kerasmed.data.morphology import parts_of
from kerasmed.data.resampling import resampling_kernel
from kerasmed.export.raw.morphology import shape_features, usual_beat, usual_height
from kerasmed.export.raw.ops import Tensor, at_least_one, bridged, in_steps, without_nan
from kerasmed.export.raw.rhythm import rr_features


def cut_windows(signal_mv: Tensor, peaks: Tensor, rate_hz: float, settings: BeatExamples) -> tuple[Tensor, Tensor]:
    """float32 (k, window, num_leads) of the beats that can be judged, and the mask of those, bool (n,)."""
    before, after = reach(settings)
    first = peaks - math.ceil(before * rate_hz / settings.rate_hz)
    last = peaks + math.ceil((after - 1) * rate_hz / settings.rate_hz)
    count = tf.cast(tf.shape(signal_mv)[0], tf.int64)
    missing = tf.math.is_nan(signal_mv)
    gaps = tf.cumsum(tf.cast(tf.reduce_any(missing, axis=1), tf.int32))
    gaps = tf.concat([[0], gaps], axis=0)
    passed = tf.gather(gaps, tf.clip_by_value(last + 1, 0, count)) - tf.gather(gaps, tf.clip_by_value(first, 0, count))
    kept = (first >= 0) & (last < count) & tf.equal(passed, 0)
    present = without_nan(signal_mv)
    leads = [bridged(present[:, lead], missing[:, lead]) for lead in range(signal_mv.shape[1])]
    if settings.remove_baseline:
        leads = [_without_baseline(lead, rate_hz) for lead in leads]
    centres = tf.boolean_mask(peaks, kept)
    return _resampled(leads, centres, rate_hz, settings, before, after), kept


def inputs_of(beats: Tensor, kept: Tensor, peaks: Tensor, rate_hz: float, settings: BeatExamples) -> dict[str, Tensor]:
    """The physical inputs of the model, float32, one row for each of `beats`, which are at least one."""
    before, after = reach(settings)
    part = parts_of(before, after, settings.rate_hz)
    usual, height = usual_beat(beats, part), usual_height(beats, part)
    channels = {"none": [beats], "residual": [beats - usual], "both": [beats, beats - usual]}[settings.template]
    signal = tf.concat(channels, axis=-1)
    if settings.scaling == "record":
        signal = signal / tf.tile(height, [len(channels)])
    inputs = {"signal": _min_max(signal) if settings.scaling == "min_max" else in_steps(signal)}
    if settings.rr != "none":
        inputs["rr"] = at_least_one(tf.boolean_mask(rr_features(peaks, rate_hz), kept))
    if settings.shape:
        inputs["shape"] = shape_features(beats, usual, height, part)
    return inputs


def reach(settings: BeatExamples) -> tuple[int, int]:
    """Samples ahead of the R peak, and samples from it on."""
    return round(settings.before_s * settings.rate_hz), max(1, round(settings.after_s * settings.rate_hz))


def _resampled(
    leads: list[Tensor], centres: Tensor, rate_hz: float, settings: BeatExamples, before: int, after: int
) -> Tensor:
    start, bands = resampling_kernel(rate_hz, settings.rate_hz, before, after)
    weights = np.zeros((max(band.read.stop for band in bands), before + after), np.float32)
    for band in bands:
        weights[band.read, band.write] = band.weights
    count = tf.cast(tf.shape(leads[0])[0], tf.int64)
    places = centres[:, None] + (start + tf.range(len(weights), dtype=tf.int64))[None, :]
    places = tf.clip_by_value(places, 0, count - 1)
    return tf.stack([tf.matmul(tf.gather(lead, places), weights) for lead in leads], axis=-1)


def _without_baseline(lead: Tensor, rate_hz: float) -> Tensor:
    """`lead` (num_samples,), at least two blocks long, less the running medians of its block means."""
    block = max(1, round(rate_hz / BLOCK_RATE_HZ))
    count = tf.shape(lead)[0]
    num_blocks = count // block
    means = tf.reduce_mean(tf.reshape(lead[: num_blocks * block], [-1, block]), axis=1)
    for width_s in (QRS_S, T_S):
        means = _running_median(means, max(1, round(width_s * rate_hz / block)))
    before = tf.concat([means[:1], means[:-1]], axis=0)[:, None]
    behind = tf.concat([means[1:], means[-1:]], axis=0)[:, None]
    off_centre = ((np.arange(block) - (block - 1) / 2) / block).astype(np.float32)[None, :]
    near = tf.where(off_centre > 0, behind, before)
    lines = means[:, None] + tf.abs(off_centre) * (near - means[:, None])
    rest = tf.fill([count - num_blocks * block], means[-1])
    return lead - tf.concat([tf.reshape(lines, [-1]), rest], axis=0)


def _running_median(values: Tensor, width: int) -> Tensor:
    """As scipy.ndimage.median_filter with mode "nearest": of an even width the upper median, one more place before."""
    count = tf.shape(values)[0]
    places = tf.range(count)[:, None] + tf.range(-(width // 2), width - width // 2)[None, :]
    around = tf.gather(values, tf.clip_by_value(places, 0, count - 1))
    largest, _ = tf.math.top_k(around, width - width // 2)
    return largest[:, -1]


def _min_max(signal: Tensor) -> Tensor:
    low = tf.reduce_min(signal, axis=1, keepdims=True)
    span = tf.reduce_max(signal, axis=1, keepdims=True) - low
    scaled = (signal - low) / tf.where(span > 0, span, tf.ones_like(span))
    return tf.round(scaled / np.float32(UNIT_STEP)) * np.float32(UNIT_STEP)
