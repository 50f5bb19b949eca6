"""Random changes of signals inside the training step, drawn anew for each example by a seed that checkpoints hold."""

import random
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Augmentation
from kerasmed.errors import ConfigError

TURN = 6.2832  # 2 pi, as it was when the golden losses were recorded
# Electrode motion: how long a bump or the edge of a step takes, and how fast a step is forgotten by the amplifier.
BUMP_S, EDGE_S, DECAY_S = (0.05, 0.3), 0.02, (0.3, 2.0)


# In the order in which they are made; each is a setting of the same name, off at 0.
CHANGES = ("shift_samples", "amplitude_rate", "wander", "powerline", "motion", "noise", "lead_dropout_rate")


def changes_signals(config: Augmentation) -> bool:
    """Whether any change of signals is turned on."""
    return any(getattr(config, name) for name in CHANGES)


class AugmentSignal(keras.layers.Layer):
    """Shift, gain, baseline wander, mains hum, electrode motion, noise and lost leads of (batch, time, leads)."""

    def __init__(self, config: Augmentation, rate_hz: float, **options: Any) -> None:
        super().__init__(**options)
        self.config, self.rate_hz = config, rate_hz
        self.mains_hz = _mains_hz(config, rate_hz) if config.powerline else ()
        self.seed = keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311

    def call(self, x: Any, training: bool = False) -> Any:
        """`x`, unchanged outside training."""
        if not training:
            return x
        made = (self._shift, self._amplify, self._wander, self._powerline, self._motion, self._noise, self._drop_leads)
        for name, change in zip(CHANGES, made, strict=True):
            if size := getattr(self.config, name):
                x = change(x, size)
        return x

    def _uniform(self, x: Any, low: float, high: float, by_lead: bool = False) -> Any:
        """A draw for each example, or for each of its leads."""
        return keras.random.uniform((ops.shape(x)[0], 1, x.shape[2] if by_lead else 1), low, high, seed=self.seed)

    def _seconds(self, x: Any) -> Any:
        return ops.reshape(ops.arange(x.shape[1], dtype="float32") / self.rate_hz, (1, x.shape[1], 1))

    def _shift(self, x: Any, most: int) -> Any:
        length = x.shape[1]
        by = ops.floor(self._uniform(x, -most, most + 1))
        places = ops.clip(ops.cast(ops.reshape(ops.arange(length), (1, length, 1)), "float32") - by, 0, length - 1)
        return ops.take_along_axis(x, ops.cast(places, "int32"), axis=1)

    def _amplify(self, x: Any, rate: float) -> Any:
        return x * self._uniform(x, 1.0 - rate, 1.0 + rate)

    def _noise(self, x: Any, std: float) -> Any:
        return x + keras.random.normal(ops.shape(x), 0.0, std, seed=self.seed)

    def _wander(self, x: Any, most: float) -> Any:
        # Breathing and electrode drift lie below 0.5 Hz (ANSI/AAMI EC11).
        frequency_hz = self._uniform(x, 0.05, 0.5)
        phase = self._uniform(x, 0.0, TURN)
        return x + self._uniform(x, 0.0, most) * ops.sin(TURN * frequency_hz * self._seconds(x) + phase)

    def _powerline(self, x: Any, most: float) -> Any:
        # The leads share the mains' frequency and phase; how much of it each picks up is its own.
        which = ops.cast(ops.floor(self._uniform(x, 0.0, len(self.mains_hz))), "int32")
        frequency_hz = ops.take(ops.convert_to_tensor(self.mains_hz, dtype="float32"), which)
        phase = self._uniform(x, 0.0, TURN)
        hum = ops.sin(TURN * frequency_hz * self._seconds(x) + phase)
        return x + self._uniform(x, 0.0, most, by_lead=True) * hum

    def _motion(self, x: Any, most: float) -> Any:
        """Bumps, and steps that fade, each in one lead: abrupt and as long as a beat, unlike wander.

        The Noise Stress Test Database (Moody, Muldrow and Mark, Computers in Cardiology 11:381, 1984) calls electrode
        motion the most troublesome noise, since it can mimic ectopic beats and no simple filter removes it. In each
        lead `motion_events` times a coin decides whether something happens, and a second whether it is a bump (skin
        stretched and let go) or a step that the high-pass of the amplifier forgets (contact moved). The sum is cut off
        at `most`.
        """
        seconds, end_s = self._seconds(x), x.shape[1] / self.rate_hz
        total = ops.zeros_like(x)
        for _ in range(self.config.motion_events):
            happens = self._uniform(x, 0.0, 1.0, by_lead=True) < 0.5
            is_bump = self._uniform(x, 0.0, 1.0, by_lead=True) < 0.5
            height = self._uniform(x, -most, most, by_lead=True)
            since_s = seconds - self._uniform(x, 0.0, end_s, by_lead=True)
            bump = ops.exp(-0.5 * ops.square(since_s / self._uniform(x, *BUMP_S, by_lead=True)))
            fading = ops.exp(-ops.maximum(since_s, 0.0) / self._uniform(x, *DECAY_S, by_lead=True))
            step = ops.sigmoid(since_s / EDGE_S) * fading
            total = total + ops.cast(happens, x.dtype) * height * ops.where(is_bump, bump, step)
        return x + ops.clip(total, -most, most)

    def _drop_leads(self, x: Any, rate: float) -> Any:
        # The lead of the highest draw stays whatever that is, so that no example is left without a signal.
        draw = self._uniform(x, 0.0, 1.0, by_lead=True)
        stays = (draw >= rate) | (draw >= ops.max(draw, axis=-1, keepdims=True))
        return x * ops.cast(stays, x.dtype)


def _mains_hz(config: Augmentation, rate_hz: float) -> tuple[float, ...]:
    """Those of the mains' frequencies that a signal of this rate can hold; a recorder filters the others out."""
    held = tuple(each for each in config.powerline_hz if each < rate_hz / 2)
    if not held:
        asked = " or ".join(f"{each:g}" for each in config.powerline_hz)
        raise ConfigError(
            f"augmentation.powerline: a signal of {rate_hz:g} Hz holds nothing from {rate_hz / 2:g} Hz on, so no hum "
            f"of {asked} Hz; write augmentation.powerline=0."
        )
    return held
