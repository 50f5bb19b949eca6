"""Random changes of pictures inside the training step, drawn anew for each example by a seed that checkpoints hold."""

import math
import random
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Augmentation

# What moves pixels, in one resampling; then what changes their values, in the order in which it is done.
MOVES = ("flip_rate", "rotate_deg", "zoom_rate", "stretch_rate", "translate_rate")
VALUES = ("contrast_rate", "brightness", "tint", "gamma_rate", "cutout_rate", "noise")
CHANGES = (*MOVES, *VALUES)
DARKEST = 1e-6  # a power of 0 has no slope, and some backends give NaN for it


def changes_pictures(config: Augmentation) -> bool:
    """Whether any change of pictures is turned on."""
    return any(getattr(config, name) for name in CHANGES)


class AugmentImage(keras.layers.Layer):
    """Moved, stretched, brightened, painted over and noisy pictures (batch, height, width, channels) from 0 to 1."""

    def __init__(self, config: Augmentation, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        self.seed = keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311

    def call(self, x: Any, training: bool = False) -> Any:
        """`x`, unchanged outside training."""
        if not training:
            return x
        if any(getattr(self.config, name) for name in MOVES):
            x = self._move(x)
        made = (self._contrast, self._brighten, self._tint, self._bend, self._paint_over, self._noise)
        for name, change in zip(VALUES, made, strict=True):
            if size := getattr(self.config, name):
                x = change(x, size)
        return ops.clip(x, 0.0, 1.0)

    def _uniform(self, x: Any, low: float, high: float) -> Any:
        """(batch, 1, 1, 1): a draw for each example."""
        return keras.random.uniform((ops.shape(x)[0], 1, 1, 1), low, high, seed=self.seed)

    def _around(self, x: Any, rate: float) -> Any:
        return self._uniform(x, 1.0 - rate, 1.0 + rate)

    def _move(self, x: Any) -> Any:
        """Turn, scale, mirror and shift at once, around the middle; what comes in from outside is black."""
        config, (height, width) = self.config, x.shape[1:3]
        angle = self._uniform(x, -1.0, 1.0) * math.radians(config.rotate_deg)
        zoom, stretch = self._around(x, config.zoom_rate), self._around(x, config.stretch_rate)
        mirrored = ops.cast(self._uniform(x, 0.0, 1.0) < config.flip_rate, x.dtype)
        right = self._uniform(x, -1.0, 1.0) * config.translate_rate * width
        down = self._uniform(x, -1.0, 1.0) * config.translate_rate * height
        # From a place in the new picture to its place in the old one: x' = a x + b y + c, y' = d x + e y + f.
        across, along = (1.0 - 2.0 * mirrored) / (zoom * stretch), 1.0 / zoom
        a, b = ops.cos(angle) * across, -ops.sin(angle) * across
        d, e = ops.sin(angle) * along, ops.cos(angle) * along
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        c = middle_x - a * (middle_x + right) - b * (middle_y + down)
        f = middle_y - d * (middle_x + right) - e * (middle_y + down)
        zero = ops.zeros_like(a)
        transform = ops.reshape(ops.concatenate([a, b, c, d, e, f, zero, zero], axis=1), (-1, 8))
        moved = ops.image.affine_transform(
            x, transform, interpolation="bilinear", fill_mode="constant", fill_value=0.0, data_format="channels_last"
        )
        return ops.reshape(moved, ops.shape(x))

    def _contrast(self, x: Any, rate: float) -> Any:
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        return mean + (x - mean) * self._around(x, rate)

    def _brighten(self, x: Any, most: float) -> Any:
        return x + self._uniform(x, -most, most)

    def _tint(self, x: Any, most: float) -> Any:
        shape = (ops.shape(x)[0], 1, 1, x.shape[-1])
        return x + keras.random.uniform(shape, -most, most, seed=self.seed)

    def _bend(self, x: Any, rate: float) -> Any:
        return ops.power(ops.clip(x, DARKEST, 1.0), self._around(x, rate))

    def _paint_over(self, x: Any, most: float) -> Any:
        """A square with the mean of its picture, its middle anywhere (cutout: DeVries and Taylor, arXiv:1708.04552)."""
        height, width = x.shape[1:3]
        half = self._uniform(x, 0.0, most / 2)
        rows = ops.reshape(ops.arange(height, dtype="float32") / height, (1, height, 1, 1))
        columns = ops.reshape(ops.arange(width, dtype="float32") / width, (1, 1, width, 1))
        inside = (ops.abs(rows - self._uniform(x, 0.0, 1.0)) < half) & (
            ops.abs(columns - self._uniform(x, 0.0, 1.0)) < half
        )
        return ops.where(inside, ops.mean(x, axis=(1, 2, 3), keepdims=True), x)

    def _noise(self, x: Any, most: float) -> Any:
        # Its strength is drawn, so that clean pictures, which are what will be judged, are among those that train.
        return x + self._uniform(x, 0.0, most) * keras.random.normal(ops.shape(x), 0.0, 1.0, seed=self.seed)
