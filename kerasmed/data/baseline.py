"""Baseline wander: what is left of a signal when its waves are taken away."""

import numpy as np

from kerasmed.data.records import Array

# Widths of the two running medians: the first takes the QRS complex and the P wave away, the second the T wave
# (de Chazal et al., IEEE Trans. Biomed. Eng. 51(7), 2004).
QRS_S, T_S = 0.2, 0.6
# The baseline is slow: it is worked out on the means of short blocks.
BLOCK_RATE_HZ = 60.0


def remove_baseline(signal_mv: Array, rate_hz: float) -> Array:
    """A copy of the signal less its baseline.

    Args:
        signal_mv: float32 (num_samples, num_leads), finite.
        rate_hz: Sampling rate.
    """
    from scipy.ndimage import median_filter

    block = max(1, round(rate_hz / BLOCK_RATE_HZ))
    num_blocks = len(signal_mv) // block
    if num_blocks < 2:
        return signal_mv - np.median(signal_mv, axis=0)
    widths = [max(1, round(width_s * rate_hz / block)) for width_s in (QRS_S, T_S)]
    centres = np.arange(num_blocks) * block + (block - 1) / 2
    places = np.arange(len(signal_mv))
    flat = np.empty_like(signal_mv)
    for lead, column in enumerate(signal_mv.T):
        means = np.ascontiguousarray(column[: num_blocks * block]).reshape(num_blocks, block).mean(axis=1)
        for width in widths:
            means = median_filter(means, width, mode="nearest")
        flat[:, lead] = column - np.interp(places, centres, means)
    return flat
