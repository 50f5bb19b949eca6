"""A picture, from the values in its file to the input of a model: twin of `data/resize.py` and `data/image_quality.py`.

Pillow's resampling is a product with one matrix for each axis, rounded after each; so it is here.
"""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from kerasmed.config.dataset import ImageExamples
from kerasmed.export.raw.ops import Tensor
from kerasmed.spec import ImageContract


def full_scale(pixels: Tensor, largest: Tensor, inverted: Tensor) -> tuple[Tensor, Tensor]:
    """float32 (height, width) over the whole range of 8 or 16 bits, black at 0, and the value of white."""
    values, white = tf.cast(pixels, tf.float32), tf.cast(largest, tf.float32)
    values = tf.where(inverted, white - values, values)
    full = tf.where(largest > 255, 65535.0, 255.0)
    return tf.round(values * (full / tf.maximum(white, 1.0))), full


def image_faults(values: Tensor, full: Tensor, contract: ImageContract) -> dict[str, Tensor]:
    """Truth value by name of each limit of the contract: whether it is broken."""
    shares = values / full
    height, width = tf.shape(values)[0], tf.shape(values)[1]
    shorter, longer = tf.minimum(height, width), tf.maximum(height, width)
    ordered = tf.sort(tf.reshape(shares, [-1]))
    contrast = _quantile(ordered, 0.99) - _quantile(ordered, 0.01)
    levels = 1 + tf.reduce_sum(tf.cast(ordered[1:] > ordered[:-1], tf.int32))
    steps = [tf.reduce_mean(tf.abs(step)) for step in (shares[1:] - shares[:-1], shares[:, 1:] - shares[:, :-1])]
    roughness = (steps[0] + steps[1]) / 2 / tf.maximum(contrast, 1 / 255)
    return {
        "size": shorter < contract.smallest_px,
        "aspect": tf.cast(longer, tf.float32) / tf.cast(shorter, tf.float32) > contract.max_aspect,
        "contrast": contrast < contract.min_contrast,
        "levels": levels < contract.min_levels,
        "black": _share(tf.equal(values, 0.0)) > contract.max_black_rate,
        "white": _share(tf.equal(values, full)) > contract.max_white_rate,
        "noise": roughness > contract.max_roughness,
    }


def example_of(values: Tensor, full: Tensor, settings: ImageExamples) -> Tensor:
    """float32 (1, height, width, 1) from 0 to 1: the input "image"."""
    fitted = _fit_into(values, full, settings)
    if settings.bits == 8:
        stored = tf.where(full > 255.0, tf.floor((fitted + 128.0) / 257.0), fitted)
    else:
        stored = tf.where(full > 255.0, fitted, fitted * 257.0)
    return (stored * np.float32(1 / (2**settings.bits - 1)))[None, :, :, None]


def _share(mask: Tensor) -> Tensor:
    return tf.reduce_mean(tf.cast(mask, tf.float32))


def _quantile(ordered: Tensor, share: float) -> Tensor:
    """As np.quantile: linear between the two nearest."""
    place = tf.cast(tf.shape(ordered)[0] - 1, tf.float64) * share
    below = tf.cast(tf.floor(place), tf.int32)
    above = tf.minimum(below + 1, tf.shape(ordered)[0] - 1)
    low, high = tf.gather(ordered, below), tf.gather(ordered, above)
    return low + (high - low) * tf.cast(place - tf.floor(place), tf.float32)


def _fit_into(values: Tensor, full: Tensor, settings: ImageExamples) -> Tensor:
    """float32 (height, width) of the settings: the whole picture, its aspect kept, in the middle of black."""
    size = tf.cast(tf.shape(values), tf.float64)
    wanted = tf.constant([settings.height, settings.width], tf.float64)
    scale = tf.reduce_min(wanted / size)
    inner = tf.maximum(tf.round(size * scale), 1.0)
    enlarges = tf.reduce_any(inner > size)
    down, across = (_matrix(size[axis], inner[axis], enlarges, settings.resize) for axis in (0, 1))
    rows = _rounded(tf.matmul(values, across, transpose_b=True), full)  # Pillow resamples along rows first
    resized = _rounded(tf.matmul(down, rows), full)
    margin = tf.cast(wanted - inner, tf.int32)
    before = margin // 2
    padding = tf.stack([before, margin - before], axis=1)
    return tf.reshape(tf.pad(resized, padding), [settings.height, settings.width])


def _rounded(values: Tensor, full: Tensor) -> Tensor:
    return tf.clip_by_value(tf.floor(values + 0.5), 0.0, full)


def _matrix(size: Tensor, wanted: Tensor, enlarges: Tensor, method: str) -> Tensor:
    """float32 (wanted, size): what each old value weighs in each new one."""
    ratio = size / wanted
    stretch = tf.maximum(ratio, 1.0)
    centres = (tf.cast(tf.range(tf.cast(wanted, tf.int32)), tf.float64)[:, None] + 0.5) * ratio
    places = tf.cast(tf.range(tf.cast(size, tf.int32)), tf.float64)[None, :]
    offset = (places - centres + 0.5) / stretch
    if method == "lanczos":
        weights = _within(places, centres, 3.0 * stretch, size) * _sinc(offset) * _sinc(offset / 3.0)
    else:
        box = tf.cast((offset > -0.5) & (offset <= 0.5), tf.float64) * _within(places, centres, 0.5 * stretch, size)
        triangle = tf.maximum(1.0 - tf.abs(offset), 0.0) * _within(places, centres, stretch, size)
        weights = tf.where(enlarges, triangle, box)
    return tf.cast(weights / tf.reduce_sum(weights, axis=1, keepdims=True), tf.float32)


def _within(places: Tensor, centres: Tensor, support: Tensor, size: Tensor) -> Tensor:
    """1 for the places that Pillow looks at for each centre, 0 for the others."""
    first = tf.maximum(tf.floor(centres - support + 0.5), 0.0)
    last = tf.minimum(tf.floor(centres + support + 0.5), size)
    return tf.cast((places >= first) & (places < last), tf.float64)


def _sinc(values: Tensor) -> Tensor:
    angle = values * math.pi
    near_zero = tf.abs(angle) < 1e-9
    sine: Any = tf.cast(tf.sin(tf.cast(angle, tf.float32)), tf.float64)  # ONNX has no sine of float64
    return tf.where(near_zero, tf.ones_like(angle), sine / tf.where(near_zero, tf.ones_like(angle), angle))
