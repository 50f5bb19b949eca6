"""Where a token stands, as numbers: the table of Vaswani et al. (arXiv:1706.03762)."""

import numpy as np


def sine_table(num_tokens: int, width: int) -> np.ndarray:
    """float32 (1, num_tokens, width), sines in the first half of the channels, cosines in the second; `width` even."""
    frequency = 10000.0 ** -(np.arange(width // 2) / (width // 2))
    phase = np.arange(num_tokens)[:, None] * frequency
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1).astype(np.float32)[None]
