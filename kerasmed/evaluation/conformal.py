"""Prediction sets that hold the truth as often as asked, for patients who were not there (split conformal).

Beats of one patient resemble each other, so a patient's beats cannot change places with another's, and the usual rank
among all examples promises nothing for a new patient. Patients can change places. So every patient weighs the same,
and the one to come weighs as much as any of them, at infinity: HCP of Lee, Barber and Willett 2023 (arXiv:2306.06342);
see Dunn, Wasserman and Ramdas 2023 (arXiv:1809.07441). It holds for one example of a new patient drawn at random.
"""

import numpy as np

from kerasmed.data.records import Array
from kerasmed.spec import TargetSpec

ROUNDING = 1e-12


def strangeness(scores: Array, truth: Array, target: TargetSpec) -> Array:
    """float64 (n, m): 1 - score of what was true (LAC, Sadinle et al. 2019); m = 1 of single_label, else num_labels.

    Args:
        scores: float (n, num_classes), calibrated.
        truth: bool (n, num_classes).
        target: What was asked.
    """
    wide = scores.astype(np.float64)
    if target.task == "single_label":
        return 1.0 - wide[truth][:, None]
    return np.where(truth, 1.0 - wide, wide)


def fewest_patients(coverage: float) -> int:
    """How many patients (or examples, where those count) it takes before `coverage` can be promised for a new one."""
    return int(np.ceil(coverage / (1.0 - coverage) - 1e-9))


def quantile(values: Array, clusters: Array, coverage: float) -> tuple[float, bool]:
    """The strangeness that a set admits at most, and whether the promise for a new cluster holds.

    Args:
        values: float64 (n,).
        clusters: int64 (n,), the patient of each row; each row its own where examples count.
        coverage: Share of truths to hold.

    Returns:
        With too few clusters for the promise, the quantile of those that are there, each weighing the same. The limit
        lies half way to the next value, so that rounding in another format changes no set.
    """
    sizes = np.bincount(clusters)
    num_clusters = int(np.count_nonzero(sizes))
    promised = num_clusters >= fewest_patients(coverage)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(1.0 / sizes[clusters[order]]) / (num_clusters + promised)
    rising = values[order]
    limit = rising[min(int(np.searchsorted(reached, coverage - ROUNDING)), len(values) - 1)]
    beyond = rising[np.searchsorted(rising, limit, side="right") :]
    return float((limit + beyond[0]) / 2.0 if len(beyond) else limit), promised


def covered(sets: Array, truth: Array) -> Array:
    """Bool (n, m): whether the truth is in the set; m = 1 of single_label, else num_labels.

    Args:
        sets: As `Calibration.sets` gives them.
        truth: bool (n, num_classes).
    """
    if sets.ndim == 2:
        return np.asarray((sets & truth).any(axis=1, keepdims=True))
    return np.where(truth, sets[..., 1], sets[..., 0])
