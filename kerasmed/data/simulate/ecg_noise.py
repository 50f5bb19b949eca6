"""What electrodes, muscles, breathing and the mains add to an ECG. Arrays are (num_samples, num_leads), mV."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array

MAINS_HZ = 60.0
_WANDER_HZ = (0.05, 0.45)
_MUSCLE_HZ = (5.0, 120.0)


@dataclass(frozen=True)
class NoiseLevels:
    """Root mean square in mV of each disturbance."""

    wander_mv: float
    muscle_mv: float
    mains_mv: float


def draw_levels(rng: np.random.Generator) -> NoiseLevels:
    """The levels of one recording."""
    return NoiseLevels(rng.uniform(0.03, 0.12), rng.uniform(0.008, 0.022), rng.uniform(0.002, 0.010))


def draw_noise(levels: NoiseLevels, time_s: Array, num_leads: int, rng: np.random.Generator) -> Array:
    """Baseline wander, muscle noise and mains hum, independent in each lead but for the phase of the mains."""
    rate_hz = 1 / (time_s[1] - time_s[0])
    shape = (len(time_s), num_leads)
    wander = levels.wander_mv * _band_noise(shape, rate_hz, _WANDER_HZ, rng)
    muscle = levels.muscle_mv * _band_noise(shape, rate_hz, _MUSCLE_HZ, rng)
    mains = np.sin(2 * np.pi * (MAINS_HZ * time_s + rng.random()))[:, None] * rng.uniform(0.7, 1.3, num_leads)
    return wander + muscle + np.sqrt(2) * levels.mains_mv * mains


def add_bursts(
    signal_mv: Array, time_s: Array, centres_s: Array, half_width_s: float, level_mv: float, rng: np.random.Generator
) -> Array:
    """Muscle noise that swells and fades around each of `centres_s`; `level_mv` is its RMS at the centre."""
    if len(centres_s) == 0:
        return signal_mv
    nearest_s = np.abs(time_s - centres_s[_nearest(centres_s, time_s)])
    envelope = level_mv * np.exp(-0.5 * (nearest_s / (half_width_s / 2)) ** 2)
    rate_hz = 1 / (time_s[1] - time_s[0])
    return signal_mv + envelope[:, None] * _band_noise(signal_mv.shape, rate_hz, _MUSCLE_HZ, rng)


def _nearest(centres_s: Array, time_s: Array) -> Array:
    between = (centres_s[1:] + centres_s[:-1]) / 2
    return np.searchsorted(between, time_s)


def _band_noise(
    shape: tuple[int, ...], rate_hz: float, band_hz: tuple[float, float], rng: np.random.Generator
) -> Array:
    """Noise of RMS 1 in each lead, its spectrum flat inside the band."""
    frequencies_hz = np.fft.rfftfreq(shape[0], 1 / rate_hz)
    inside = (frequencies_hz >= band_hz[0]) & (frequencies_hz <= band_hz[1])
    spectrum = np.exp(2j * np.pi * rng.random((len(frequencies_hz), shape[1]))) * inside[:, None]
    noise = np.fft.irfft(spectrum, shape[0], axis=0)
    return noise / noise.std(axis=0)
