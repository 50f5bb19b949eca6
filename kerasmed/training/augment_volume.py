"""Random changes of volumes inside the training step, drawn anew for each example by a seed that checkpoints hold."""

import math
import random
from collections.abc import Sequence
from itertools import product
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.config.volume_changes import VolumeChanges

AXES = ("depth", "height", "width")
MOVES = ("flip_rate", "rotate_deg", "zoom_rate", "translate_rate", "crop_rate")
CHANGES = (*MOVES, "contrast_rate", "noise")


def changes_volumes(config: VolumeChanges) -> bool:
    """Whether any change of volumes is turned on."""
    return any(getattr(config, name) for name in CHANGES)


class AugmentVolume(keras.layers.Layer):
    """Mirrored, turned, cropped, shifted and noisy grey volumes (batch, depth, height, width, 1) from 0 to 1."""

    def __init__(self, config: VolumeChanges, spacing: tuple[float, float, float], **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        self.spacing = spacing
        self.seed = keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311

    def call(self, x: Any, training: bool = False) -> Any:
        """`x`, unchanged outside training."""
        if not training:
            return x
        config = self.config
        if any(getattr(config, name) for name in MOVES):
            x = self._move(x)
        if config.contrast_rate:
            mean = ops.mean(x, axis=(1, 2, 3, 4), keepdims=True)
            x = mean + (x - mean) * self._uniform(x, 1.0 - config.contrast_rate, 1.0 + config.contrast_rate, (1,) * 4)
        if config.noise:
            x = x + keras.random.normal(ops.shape(x), 0.0, config.noise, seed=self.seed)
        return ops.clip(x, 0.0, 1.0)

    def _uniform(self, x: Any, low: float, high: float, shape: tuple[int, ...]) -> Any:
        return keras.random.uniform((ops.shape(x)[0], *shape), low, high, seed=self.seed)

    def _move(self, x: Any) -> Any:
        """All moves at once, around the middle, in one resampling; what comes in from outside is black."""
        config, edges = self.config, x.shape[1:4]
        sizes, spacing = _column(edges), _column(self.spacing)
        places = ops.convert_to_tensor(np.indices(edges).reshape(3, -1).astype(np.float32))
        middle = (sizes - 1) / 2
        # From a place in the new volume to its place in the old one, in millimetres around the middle.
        window = 1.0 - self._uniform(x, 0.0, 1.0, (1, 1)) * config.crop_rate
        zoom = self._uniform(x, 1.0 - config.zoom_rate, 1.0 + config.zoom_rate, (1, 1))
        shift = self._uniform(x, -1.0, 1.0, (3, 1)) * config.translate_rate * sizes
        shift = shift + self._uniform(x, -0.5, 0.5, (3, 1)) * (1.0 - window) * sizes
        turned = ops.matmul(self._turn(x), (places - middle) * spacing)  # (batch, 3, voxels)
        old = turned * self._signs(x) * window / zoom / spacing + shift + middle
        return ops.reshape(_trilinear(x, old), ops.shape(x))

    def _signs(self, x: Any) -> Any:
        """(batch, 3, 1): -1 along the axes that turn around."""
        may = _column([axis in self.config.flip_axes for axis in AXES])
        flipped = ops.cast(self._uniform(x, 0.0, 1.0, (3, 1)) < self.config.flip_rate, "float32")
        return 1.0 - 2.0 * flipped * may

    def _turn(self, x: Any) -> Any:
        """(batch, 3, 3): a rotation around each axis, one after another."""
        angles = self._uniform(x, -1.0, 1.0, (3,)) * math.radians(self.config.rotate_deg)
        cosines, sines = ops.cos(angles), ops.sin(angles)
        turn = None
        for axis in range(3):
            cosine, sine = cosines[:, axis], sines[:, axis]
            one, zero = ops.ones_like(cosine), ops.zeros_like(cosine)
            rows = [[one if row == column == axis else zero for column in range(3)] for row in range(3)]
            first, second = (place for place in range(3) if place != axis)
            rows[first][first] = rows[second][second] = cosine
            rows[first][second], rows[second][first] = -sine, sine
            around = ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)
            turn = around if turn is None else ops.matmul(turn, around)
        return turn


def _column(values: Sequence[float]) -> Any:
    """float32 (3, 1): a value for each axis."""
    return ops.convert_to_tensor(np.array(values, np.float32).reshape(3, 1))


def _trilinear(x: Any, places: Any) -> Any:
    """(batch, voxels): `x` (batch, depth, height, width, 1) read between its voxels at `places` (batch, 3, voxels)."""
    edges = x.shape[1:4]
    flat = ops.reshape(x, (-1, math.prod(edges)))
    below = ops.floor(places)
    share = places - below
    total: Any = 0.0
    for corner in product((0, 1), repeat=3):
        weight: Any = 1.0
        index: Any = 0
        for axis, (edge, above) in enumerate(zip(edges, corner, strict=True)):
            place = below[:, axis] + above
            inside = ops.cast((place >= 0) & (place <= edge - 1), "float32")
            part = share[:, axis] if above else 1.0 - share[:, axis]
            weight = weight * part * inside
            index = index * edge + ops.cast(ops.clip(place, 0, edge - 1), "int32")
        total = total + weight * ops.take_along_axis(flat, index, axis=1)
    return total
