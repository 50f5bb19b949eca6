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
    flat = signal_mv.copy()
    for lead, column in enumerate(signal_mv.T):
        means = np.ascontiguousarray(column[: num_blocks * block]).reshape(num_blocks, block).mean(axis=1)
        for width in widths:
            means = median_filter(means, width, mode="nearest")
        flat[: num_blocks * block, lead] -= _between_centres(means, block)
        flat[num_blocks * block :, lead] -= means[-1]
    return flat


def _between_centres(means: Array, block: int) -> Array:
    """float32 (len(means) * block,): straight lines from the centre of each block to the next, flat at both ends."""
    before = np.concatenate([means[:1], means[:-1]])
    behind = np.concatenate([means[1:], means[-1:]])
    lines = np.empty((len(means), block), np.float32)
    for place in range(block):
        # As np.interp would, in a tenth of the time.
        off_centre = (place - (block - 1) / 2) / block
        lines[:, place] = means + abs(off_centre) * ((behind if off_centre > 0 else before) - means)
    return lines.ravel()
