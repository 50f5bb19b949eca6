"""Band-limited windows of a signal at another rate, each on a time grid that has its centre as a node.

The low-pass is worked out for the samples of the windows alone, as small products of matrices. To resample whole
records before beats are cut would cost more, need rates in a simple ratio, and move each centre by up to half a sample
of the coarser grid.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array

# The low-pass of scipy.signal.resample_poly: ten zero crossings to either side under a Kaiser window.
ZERO_CROSSINGS = 10
KAISER_BETA = 5.0
# Below about this many products OpenBLAS stays on one core. More cores would gain nothing here, and cost much where
# records are prepared in several threads.
ONE_CORE_PRODUCTS = 1 << 18
BAND_SAMPLES = 16


@dataclass(frozen=True)
class Band:
    """Some samples of a resampled window: `window[write] = samples[read] @ weights`, float32 weights."""

    read: slice
    write: slice
    weights: Array


def resample_around(signal: Array, centres: Array, from_hz: float, to_hz: float, before: int, after: int) -> Array:
    """Windows of a signal around given samples, at another rate.

    Args:
        signal: float32 (num_samples, num_leads), finite.
        centres: int64 (k,), samples of the signal; each becomes sample `before` of its window.
        from_hz: Rate of the signal.
        to_hz: Rate of the windows.
        before: Samples of a window ahead of its centre.
        after: Samples of a window from the centre on.

    Returns:
        float32 (k, before + after, num_leads). Beyond the ends of the signal its first or last sample stands in.
    """
    start, bands = resampling_kernel(from_hz, to_hz, before, after)
    reach = start + np.arange(bands[-1].read.stop)
    num_rows = max(1, ONE_CORE_PRODUCTS // max(band.weights.size for band in bands))
    windows = np.empty((len(centres), before + after, signal.shape[1]), np.float32)
    for lead, column in enumerate(signal.T):
        for first in range(0, len(centres), num_rows):
            rows = slice(first, first + num_rows)
            samples = column.take(centres[rows, None] + reach, mode="clip")
            for band in bands:
                windows[rows, band.write, lead] = samples[:, band.read] @ band.weights
    return windows


def resample_window(signal: Array, start: int, from_hz: float, to_hz: float, num_samples: int) -> Array:
    """One long window of a signal at another rate.

    Args:
        signal: float32 (n, num_leads), finite.
        start: Sample of the signal that becomes the first of the window; below 0 where the window begins before it.
        from_hz: Rate of the signal.
        to_hz: Rate of the window.
        num_samples: Length of the window.

    Returns:
        float32 (num_samples, num_leads). Beyond the ends of the signal its first or last sample stands in.
    """
    if from_hz == to_hz:
        return signal.take(np.arange(start, start + num_samples), axis=0, mode="clip")
    first, bands = resampling_kernel(from_hz, to_hz, 0, num_samples)
    samples = signal.take(start + first + np.arange(bands[-1].read.stop), axis=0, mode="clip")
    window = np.empty((num_samples, signal.shape[1]), np.float32)
    for band in bands:
        np.matmul(band.weights.T, samples[band.read], out=window[band.write])
    return window


@functools.lru_cache(maxsize=32)
def resampling_kernel(from_hz: float, to_hz: float, before: int, after: int) -> tuple[int, tuple[Band, ...]]:
    """The linear map from the samples around a centre to a window of `before + after` samples at another rate.

    A windowed sinc that passes what both rates can hold; constant signals stay what they are.

    Returns:
        The first sample it reads, relative to the centre, and the map in bands, since a sample of the window depends on
        near samples only.
    """
    times = np.arange(-before, after) * (from_hz / to_hz)
    cutoff = min(1.0, to_hz / from_hz)
    start = math.floor(times[0] - ZERO_CROSSINGS / cutoff)
    places = range(0, before + after, BAND_SAMPLES)
    return start, tuple(_band(times[first : first + BAND_SAMPLES], cutoff, start, first) for first in places)


def _band(times: Array, cutoff: float, start: int, first: int) -> Band:
    reach = ZERO_CROSSINGS / cutoff
    low, high = math.floor(times[0] - reach), math.ceil(times[-1] + reach)
    distance = np.arange(low, high + 1)[:, None] - times
    inside = np.sqrt(np.clip(1 - (distance / reach) ** 2, 0, None))
    taper = np.where(np.abs(distance) <= reach, np.i0(KAISER_BETA * inside), 0.0)
    weights = np.sinc(cutoff * distance) * taper
    weights = (weights / weights.sum(axis=0)).astype(np.float32)
    near = np.flatnonzero(weights.any(axis=1))
    part = np.ascontiguousarray(weights[near[0] : near[-1] + 1])
    part.setflags(write=False)
    read = slice(low - start + int(near[0]), low - start + int(near[-1]) + 1)
    return Band(read, slice(first, first + len(times)), part)
