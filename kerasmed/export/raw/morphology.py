"""A beat against the usual beat of its recording: twin of `data/morphology.py`."""

import tensorflow as tf

from kerasmed.data.morphology import (
    FEWEST_OTHERS,
    HEIGHT_S,
    LOWEST_HEIGHT_MV,
    OTHER_OFF,
    OTHER_QRS_S,
    OTHER_S,
    OTHER_TIMES,
    P_S,
    QRS_S,
    T_S,
    WHOLE_S,
    Part,
)
from kerasmed.export.raw.ops import Tensor, at_least_one, last_axis_first, median, upper_median

TINY = 1e-9


def usual_beat(beats: Tensor, part: Part) -> Tensor:
    """float32 (window, num_leads) of `beats` (k, window, num_leads), k at least 1."""
    usual = upper_median(last_axis_first(beats))
    for _ in range(2):
        likeness = tf.reduce_mean(correlation(beats, usual, part(WHOLE_S)), axis=1)
        usual = upper_median(last_axis_first(tf.boolean_mask(beats, likeness >= median(likeness))))
    return usual


def usual_height(beats: Tensor, part: Part) -> Tensor:
    """float32 (num_leads,)."""
    qrs = beats[:, part(HEIGHT_S)]
    heights = tf.reduce_max(qrs, axis=1) - tf.reduce_min(qrs, axis=1)
    return tf.maximum(median(last_axis_first(heights)), LOWEST_HEIGHT_MV)


def shape_features(beats: Tensor, usual: Tensor, height: Tensor, part: Part) -> Tensor:
    """float32 (k, num_leads * len(SHAPE_CHANNELS))."""
    off = (beats - usual) / height
    likeness = [correlation(beats, usual, part(limits)) for limits in (WHOLE_S, QRS_S, P_S, T_S)]
    distance = [tf.sqrt(tf.reduce_mean(tf.square(off[:, part(limits)]), axis=1)) for limits in (QRS_S, P_S, T_S)]
    num_leads = beats.shape[2]
    others = tf.stack([_other_kind(off[:, :, lead], part) for lead in range(num_leads)], axis=1)
    features = tf.concat([tf.stack([*likeness, *distance], axis=-1), others], axis=-1)
    return tf.reshape(features, [-1, num_leads * features.shape[-1]])


def _other_kind(off: Tensor, part: Part) -> Tensor:
    strength = tf.sqrt(tf.reduce_mean(tf.square(off[:, part(OTHER_QRS_S)]), axis=1))
    is_other = strength > tf.maximum(OTHER_OFF, OTHER_TIMES * median(strength))
    there_are = tf.reduce_sum(tf.cast(is_other, tf.int32)) >= FEWEST_OTHERS
    off = off[:, part(OTHER_S)]
    candidates = at_least_one(tf.boolean_mask(off, is_other))
    strong = at_least_one(tf.boolean_mask(strength, is_other))
    candidates = tf.boolean_mask(candidates, strong >= median(strong))
    other = median(last_axis_first(candidates))
    for _ in range(2):
        likeness = _cosine(candidates, other)
        other = median(last_axis_first(tf.boolean_mask(candidates, likeness >= median(likeness))))
    share = tf.linalg.matvec(off, other) / tf.maximum(tf.reduce_sum(other * other), TINY)
    found = tf.stack([tf.clip_by_value(share, -1, 2), _cosine(off, other)], axis=1)
    return tf.where(there_are, found, tf.zeros_like(found))


def _cosine(rows: Tensor, other: Tensor) -> Tensor:
    lengths = tf.sqrt(tf.reduce_sum(rows * rows, axis=1)) * tf.sqrt(tf.reduce_sum(other * other))
    return tf.linalg.matvec(rows, other) / tf.maximum(lengths, TINY)


def correlation(beats: Tensor, usual: Tensor, where: slice) -> Tensor:
    """float32 (k, num_leads)."""
    a = beats[:, where] - tf.reduce_mean(beats[:, where], axis=1, keepdims=True)
    b = usual[where] - tf.reduce_mean(usual[where], axis=0)
    norms = tf.sqrt(tf.reduce_sum(tf.square(a), axis=1) * tf.reduce_sum(tf.square(b), axis=0))
    product = tf.reduce_sum(a * b, axis=1)
    return tf.where(norms > TINY, product / tf.maximum(norms, TINY), tf.zeros_like(norms))
