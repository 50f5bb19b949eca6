"""A beat against the usual beat of its own record: what differs is what matters. Labels never enter.

The shape of a normal beat differs more between people than between a normal and an ectopic beat of one person; so beats
are compared with the median beat of their record (unsupervised adaptation to the patient).
"""

from collections.abc import Callable

import numpy as np

from kerasmed.data.records import Array

SHAPE_CHANNELS = ("like", "qrs_like", "p_like", "t_like", "qrs_off", "p_off", "t_off", "other_share", "other_like")
# Parts of a beat in seconds from the R peak.
WHOLE_S, QRS_S, P_S, T_S = (-0.30, 0.45), (-0.08, 0.12), (-0.28, -0.08), (0.12, 0.45)
HEIGHT_S = (-0.10, 0.10)
# A lead that is flat in most beats has no height to measure its other beats by.
LOWEST_HEIGHT_MV = 0.05
OTHER_S, OTHER_QRS_S = (-0.10, 0.30), (-0.12, 0.16)
# A beat is another kind than the usual one if its QRS is off by more than a fifth of the QRS height and by four times
# what is usual in the record; with fewer of them than this a record has no other kind.
OTHER_OFF, OTHER_TIMES, FEWEST_OTHERS = 0.2, 4.0, 5
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
    """float32 (num_leads,): median over beats of the peak-to-peak QRS height; at least `LOWEST_HEIGHT_MV`."""
    heights = np.ptp(beats[:, part(HEIGHT_S)], axis=1)
    return np.maximum(np.median(heights, axis=0), LOWEST_HEIGHT_MV).astype(np.float32)


def shape_features(beats: Array, usual: Array, height: Array, part: Part) -> Array:
    """How far each beat is from the usual one.

    Args:
        beats: float32 (k, window, num_leads).
        usual: float32 (window, num_leads).
        height: float32 (num_leads,), what differences are measured against.
        part: From `parts_of`.

    Returns:
        float32 (k, num_leads * len(SHAPE_CHANNELS)), lead by lead: correlation over the whole beat, the QRS complex,
        the P wave and the T wave; root mean square of the difference over QRS, P and T; `other_kind`.
    """
    if not len(beats):
        return np.zeros((0, len(height) * len(SHAPE_CHANNELS)), np.float32)
    off = (beats - usual) / height
    likeness = [correlation(beats, usual, part(limits)) for limits in (WHOLE_S, QRS_S, P_S, T_S)]
    distance = [np.sqrt((off[:, part(limits)] ** 2).mean(axis=1)) for limits in (QRS_S, P_S, T_S)]
    others = np.stack([other_kind(off[:, :, lead], part) for lead in range(off.shape[2])], axis=1)
    return np.concatenate([np.stack([*likeness, *distance], axis=-1), others], axis=-1).reshape(len(beats), -1)


def other_kind(off: Array, part: Part) -> Array:
    """How much of the record's other kind of beat is in each beat.

    A ventricular beat is all of the other kind, a usual beat none of it, and a fusion beat lies between, since two
    waves of depolarisation meet in it.

    Args:
        off: float32 (k, window), difference from the usual beat in QRS heights.
        part: From `parts_of`.

    Returns:
        float32 (k, 2): the share of the other kind's difference that fits this beat's best (-1 to 2), and the cosine
        between the two; zeros where the record has no other kind.
    """
    strength = np.sqrt((off[:, part(OTHER_QRS_S)] ** 2).mean(axis=1))
    (others,) = np.nonzero(strength > max(OTHER_OFF, OTHER_TIMES * float(np.median(strength))))
    if len(others) < FEWEST_OTHERS:
        return np.zeros((len(off), 2), np.float32)
    off = off[:, part(OTHER_S)]
    candidates = off[others[strength[others] >= np.median(strength[others])]]
    other = np.median(candidates, axis=0)
    for _ in range(2):
        likeness = _cosine(candidates, other)
        other = np.median(candidates[likeness >= np.median(likeness)], axis=0)
    share = off @ other / max(float(other @ other), 1e-9)
    return np.stack([np.clip(share, -1, 2), _cosine(off, other)], axis=1).astype(np.float32)


def _cosine(rows: Array, other: Array) -> Array:
    product: Array = rows @ other
    return product / np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(other), 1e-9)


def correlation(beats: Array, usual: Array, where: slice) -> Array:
    """float32 (k, num_leads): Pearson correlation of each beat with the usual one over a part; 0 where one is flat."""
    a = beats[:, where] - beats[:, where].mean(axis=1, keepdims=True)
    b = usual[where] - usual[where].mean(axis=0)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=0))
    product: Array = np.einsum("ktl,tl->kl", a, b)
    return np.where(norms > 1e-9, product / np.maximum(norms, 1e-9), 0.0).astype(np.float32)
