"""What stands before the model in training only: stored integers become physical values, and are augmented.

It runs inside the compiled step, so the loader ships the smallest type there is, and no exported graph holds it.
"""

import random
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Augmentation
from kerasmed.spec import ArraySpec, ExampleSpec


def build_trainee(model: keras.Model, spec: ExampleSpec, augmentation: Augmentation) -> keras.Model:
    """`model` behind its front: from stored arrays, as the loader ships them, to logits."""
    stored = {name: keras.Input(array.shape, dtype=array.dtype, name=name) for name, array in spec.inputs.items()}
    physical = {name: _front(stored[name], array, augmentation) for name, array in spec.inputs.items()}
    return keras.Model(stored, model(physical), name="trainee")


def _front(stored: Any, array: ArraySpec, augmentation: Augmentation) -> Any:
    x = ToPhysical(array.scale, dtype="float32")(stored)
    if len(array.shape) == 2 and _changes_signals(augmentation):
        return AugmentSignal(augmentation, array.rate_hz or 1.0, dtype="float32")(x)
    return x


def _changes_signals(config: Augmentation) -> bool:
    return any((config.amplitude_rate, config.shift_samples, config.noise, config.wander))


class ToPhysical(keras.layers.Layer):
    """`stored * scale` in float32."""

    def __init__(self, scale: float, **options: Any) -> None:
        super().__init__(autocast=False, **options)
        self.scale = scale

    def call(self, stored: Any) -> Any:
        """float32 of the same shape."""
        return ops.cast(stored, "float32") * self.scale


class AugmentSignal(keras.layers.Layer):
    """Gain, shift, noise and baseline wander of signals (batch, time, channels), drawn anew for each example."""

    def __init__(self, config: Augmentation, rate_hz: float, **options: Any) -> None:
        super().__init__(**options)
        self.config, self.rate_hz = config, rate_hz
        self.seed = _seed_generator()

    def call(self, x: Any, training: bool = False) -> Any:
        """`x`, unchanged outside training."""
        if not training:
            return x
        config = self.config
        if config.shift_samples:
            x = self._shift(x, config.shift_samples)
        if config.amplitude_rate:
            x = x * self._uniform(x, 1.0 - config.amplitude_rate, 1.0 + config.amplitude_rate)
        if config.wander:
            x = x + self._wander(x, config.wander)
        if config.noise:
            x = x + keras.random.normal(ops.shape(x), 0.0, config.noise, seed=self.seed)
        return x

    def _uniform(self, x: Any, low: float, high: float) -> Any:
        return keras.random.uniform((ops.shape(x)[0], 1, 1), low, high, seed=self.seed)

    def _shift(self, x: Any, most: int) -> Any:
        length = x.shape[1]
        by = ops.floor(self._uniform(x, -most, most + 1))
        places = ops.clip(ops.cast(ops.reshape(ops.arange(length), (1, length, 1)), "float32") - by, 0, length - 1)
        return ops.take_along_axis(x, ops.cast(places, "int32"), axis=1)

    def _wander(self, x: Any, most: float) -> Any:
        # Breathing and electrode drift lie below 0.5 Hz (ANSI/AAMI EC11).
        frequency_hz = self._uniform(x, 0.05, 0.5)
        phase = self._uniform(x, 0.0, 6.2832)
        seconds = ops.reshape(ops.arange(x.shape[1], dtype="float32") / self.rate_hz, (1, x.shape[1], 1))
        return self._uniform(x, 0.0, most) * ops.sin(6.2832 * frequency_hz * seconds + phase)


def _seed_generator() -> Any:
    return keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311
