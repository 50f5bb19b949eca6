"""Simulated twelve-lead ECG: a dipole that turns in space, seen by the leads.

The waves of a beat are Gaussian bumps of a vector, as in Sameni et al. 2007 (Multichannel ECG and noise modeling), and
the leads see it by the matrix of Dower, Machado and Osborne 1980. It is a heart for demos and tests, not a patient.
"""

import numpy as np

from kerasmed.data.page_records import LEADS
from kerasmed.data.records import Array
from kerasmed.data.simulate import ecg_noise
from kerasmed.data.simulate.ecg_rhythm import Heart, draw_rhythm

# What I, II and V1 to V6 see of a vector to the left, to the feet, to the back.
_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# Time from R in s at 60 beats a minute, width in s, vector in mV (left, feet, back).
_CONDUCTED = (
    (-0.170, 0.022, 0.06, 0.11, -0.02),
    (-0.028, 0.009, -0.10, 0.02, -0.14),
    (0.000, 0.011, 0.85, 0.75, 0.10),
    (0.024, 0.011, -0.05, -0.22, 0.60),
    (0.270, 0.045, 0.22, 0.16, -0.16),
    (0.310, 0.030, 0.14, 0.10, -0.10),
)
_VENTRICULAR = (
    (-0.040, 0.028, -0.25, 0.30, -0.20),
    (0.010, 0.034, 1.10, 0.80, 0.90),
    (0.070, 0.030, -0.35, -0.30, 0.60),
    (0.300, 0.060, -0.40, -0.30, -0.30),
)
_VENTRICULAR_SYMBOLS = ("V", "E", "F", "/", "f")
_WARM_UP_S, _DRAWN_S = 15.0, 60.0  # the rhythm is drawn for a minute, of which a part is shown


def simulate_twelve(rng: np.random.Generator, rate_hz: float, num_samples: int) -> Array:
    """Twelve leads of a drawn person.

    Returns:
        float32 (12, num_samples), mV, in the order of `LEADS`; each lead's median is its zero line.
    """
    time_s = np.arange(num_samples) / rate_hz
    heart = Heart(60 / rng.uniform(48, 115), rng.uniform(0.01, 0.05), "N", paced=False, burden=rng.uniform(0.1, 0.6))
    rhythm = draw_rhythm(heart, _WARM_UP_S + _DRAWN_S + time_s[-1], rng)
    peaks_s = rhythm.peaks_s - rng.uniform(_WARM_UP_S, _DRAWN_S)
    ventricular = np.isin(rhythm.symbols, _VENTRICULAR_SYMBOLS)
    vector = np.zeros((num_samples, 3))
    for waves, members in ((_person(_CONDUCTED, rng), ~ventricular), (_person(_VENTRICULAR, rng), ventricular)):
        for peak, rr in zip(peaks_s[members], rhythm.rr_s[members], strict=True):
            if -1 < peak < time_s[-1] + 1:
                vector += _beat(waves, peak, rr, time_s)
    seen = vector @ _DOWER.T
    seen += ecg_noise.draw_noise(ecg_noise.draw_levels(rng), time_s, seen.shape[1], rng)
    first, second = seen[:, 0], seen[:, 1]
    limbs = [first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2]
    leads = np.stack([*limbs, *seen[:, 2:].T])
    assert len(leads) == len(LEADS)
    return (leads - np.median(leads, axis=1, keepdims=True)).astype(np.float32)


def _person(waves: tuple[tuple[float, ...], ...], rng: np.random.Generator) -> Array:
    """The waves of one heart: turned, and each a little larger, wider or later than usual."""
    drawn = np.array(waves)
    drawn[:, 0] *= rng.normal(1.0, 0.05, len(drawn))
    drawn[:, 1] *= rng.lognormal(0.0, 0.12, len(drawn))
    drawn[:, 2:] *= rng.lognormal(0.0, 0.2, drawn[:, 2:].shape) * rng.lognormal(0.0, 0.25)
    turn = rng.normal(0.0, 0.35)  # of the axis in the frontal plane, radians
    left, feet = drawn[:, 2].copy(), drawn[:, 3].copy()
    drawn[:, 2], drawn[:, 3] = left * np.cos(turn) - feet * np.sin(turn), left * np.sin(turn) + feet * np.cos(turn)
    return drawn


def _beat(waves: Array, peak_s: float, rr_s: float, time_s: Array) -> Array:
    """float64 (num_samples, 3): one beat; with a shorter interval, what is further from R comes nearer to it."""
    late = np.where(np.abs(waves[:, 0]) > 0.1, np.sqrt(rr_s), 1.0)
    phase = (time_s[:, None] - peak_s - waves[:, 0] * late) / (waves[:, 1] * late)
    return np.exp(-0.5 * phase**2) @ waves[:, 2:]
