"""Pages of ECG paper for tests: beats of a simple shape, printed by the simulator, with its truth as perfect maps."""

from functools import lru_cache

import numpy as np

from kerasmed.config.pages import EcgPages
from kerasmed.data.simulate.ecg_page import make_page
from kerasmed.inference.digitize.maps import PageMaps

RATE_HZ, NUM_SAMPLES = 500, 5000
# Height in mV, place and width in s of P, Q, R, S and T, in I and in II.
WAVES = (
    (0.10, 0.15, -0.16, 0.025),
    (-0.05, -0.1, -0.03, 0.008),
    (0.6, 1.1, 0.0, 0.010),
    (-0.15, -0.2, 0.03, 0.009),
    (0.2, 0.3, 0.25, 0.05),
)


def twelve_leads(beat_s=0.8):
    """float32 (12, 5000): limb leads that obey Einthoven's and Goldberger's equations, and six of the chest."""
    times = np.arange(NUM_SAMPLES) / RATE_HZ
    first, second = np.zeros(NUM_SAMPLES), np.zeros(NUM_SAMPLES)
    for beat in np.arange(0.35, 10, beat_s):
        for of_first, of_second, place, width in WAVES:
            wave = np.exp(-0.5 * ((times - beat - place) / width) ** 2)
            first, second = first + of_first * wave, second + of_second * wave
    limbs = [first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2]
    chest = [share * second for share in (-0.5, -0.7, 0.4, 0.9, 1.0, 0.8)]
    return np.stack([*limbs, *chest]).astype(np.float32)


@lru_cache
def clean_page(layout="3x4+1", look="clean", seed=1):
    """Picture, truth and facts of a page."""
    settings = EcgPages(layouts=(layout,), look=look, speeds_mm_s=(25.0,), gains_mm_mv=(10.0,), seed=seed)
    return make_page(twelve_leads(), settings, np.random.default_rng([seed, 0]))


def perfect_maps(truth):
    """What a network without fault would say of a page."""
    zero = np.zeros(truth["grid"].shape, np.float32)
    for line in truth["baseline_y"]:
        columns = np.flatnonzero(np.isfinite(line))
        rows = np.rint(line[columns]).astype(int)
        inside = (rows > 0) & (rows < len(zero) - 1)
        for step in (-1, 0, 1):
            zero[rows[inside] + step, columns[inside]] = 1
    trace, grid = truth["trace"] > 0, truth["grid"] > 0
    return PageMaps(trace.astype(np.float32), grid.astype(np.float32), zero, float(truth["angle_deg"]), "truth")
