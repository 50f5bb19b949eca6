"""A beat against the usual beat of its own record: what differs is what matters. Labels never enter.

The shape of a normal beat differs more between people than between a normal and an ectopic beat of one person; so beats
are compared with the median beat of their record (unsupervised adaptation to the patient).
"""

from collections.abc import Callable

import numpy as np

from kerasmed.data.records import Array

SHAPE_CHANNELS = ("like", "qrs_like", "p_like", "t_like", "qrs_off", "p_off", "t_off")
# Parts of a beat in seconds from the R peak.
WHOLE_S, QRS_S, P_S, T_S = (-0.30, 0.45), (-0.08, 0.12), (-0.28, -0.08), (0.12, 0.45)
HEIGHT_S = (-0.10, 0.10)
Part = Callable[[tuple[float, float]], slice]


def parts_of(before: int, after: int, rate_hz: float) -> Part:
    """A function from seconds around the R peak to the samples of a window of `before` + `after` samples."""

    def part(limits_s: tuple[float, float]) -> slice:
        first, last = (before + round(limit * rate_hz) for limit in limits_s)
        first = min(max(first, 0), before + after - 2)
        return slice(first, max(first + 2, min(last, before + after)))

    return part


def usual_beat(beats: Array, part: Part) -> Array:
    """The beat that a record shows most: the median beat, twice made again of the half of the beats most like it.

    Args:
        beats: float32 (k, window, num_leads), k at least 1.
        part: From `parts_of`.

    Returns:
        float32 (window, num_leads).
    """
    usual = median_beat(beats)
    for _ in range(2):
        likeness = correlation(beats, usual, part(WHOLE_S)).mean(axis=1)
        usual = median_beat(beats[likeness >= np.median(likeness)])
    return usual


def median_beat(beats: Array) -> Array:
    """float32 (window, num_leads): the median over beats; of an even number the upper one of the middle two."""
    middle = len(beats) // 2
    # Along contiguous rows a partition is ten times as fast as np.median over the first axis.
    columns = np.ascontiguousarray(np.moveaxis(beats, 0, -1))
    return np.partition(columns, middle, axis=-1)[..., middle]


def usual_height(beats: Array, part: Part) -> Array:
    """float32 (num_leads,): median over beats of the peak-to-peak height of the QRS complex; never below 1 uV."""
    heights = np.ptp(beats[:, part(HEIGHT_S)], axis=1)
    return np.maximum(np.median(heights, axis=0), 1e-3).astype(np.float32)


def shape_features(beats: Array, usual: Array, height: Array, part: Part) -> Array:
    """How far each beat is from the usual one.

    Args:
        beats: float32 (k, window, num_leads).
        usual: float32 (window, num_leads).
        height: float32 (num_leads,), what differences are measured against.
        part: From `parts_of`.

    Returns:
        float32 (k, num_leads * len(SHAPE_CHANNELS)), lead by lead: correlation over the whole beat, the QRS complex,
        the P wave and the T wave; root mean square of the difference over QRS, P and T.
    """
    off = (beats - usual) / height
    likeness = [correlation(beats, usual, part(limits)) for limits in (WHOLE_S, QRS_S, P_S, T_S)]
    distance = [np.sqrt((off[:, part(limits)] ** 2).mean(axis=1)) for limits in (QRS_S, P_S, T_S)]
    return np.stack([*likeness, *distance], axis=-1).reshape(len(beats), -1).astype(np.float32)


def correlation(beats: Array, usual: Array, where: slice) -> Array:
    """float32 (k, num_leads): Pearson correlation of each beat with the usual one over a part; 0 where one is flat."""
    a = beats[:, where] - beats[:, where].mean(axis=1, keepdims=True)
    b = usual[where] - usual[where].mean(axis=0)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=0))
    product: Array = np.einsum("ktl,tl->kl", a, b)
    return np.where(norms > 1e-9, product / np.maximum(norms, 1e-9), 0.0).astype(np.float32)
