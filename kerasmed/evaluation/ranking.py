"""How well scores rank: AUC and average precision, by one sort and any number of weightings."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array


@dataclass(frozen=True)
class Ranking:
    """Examples of one question from the highest score to the lowest, in runs of equal scores.

    Only runs with a positive in them are kept: nothing else adds to either area.

    Attributes:
        owners: int64 (n,), the cluster of the example at each place.
        positives: int64 (num_positives,), places of the positives.
        first: int64 (num_runs,), of each run its first entry in `positives`.
        starts: int64 (num_runs,), first place of each run.
        stops: int64 (num_runs,), place after the last of each run.
    """

    owners: Array
    positives: Array
    first: Array
    starts: Array
    stops: Array


def rank(scores: Array, positive: Array, clusters: Array) -> Ranking:
    """Sort once.

    Args:
        scores: float (n,), higher means more likely positive.
        positive: bool (n,).
        clusters: int64 (n,), whom each example belongs to.
    """
    order = np.argsort(-scores, kind="stable")
    edges = _edges(scores[order])
    positives = np.flatnonzero(positive[order])
    runs, first = np.unique(np.searchsorted(edges, positives, side="right") - 1, return_index=True)
    return Ranking(clusters[order], positives, first, edges[runs], edges[runs + 1])


def auc_and_ap(ranking: Ranking, weights: Array) -> tuple[float, float]:
    """Area under the ROC curve, and average precision; NaN where one side is empty.

    Equal scores count half in the AUC. Average precision is the sum of precision times the step in recall, without
    interpolation, as in scikit-learn's `average_precision_score`.

    Args:
        ranking: Of the examples.
        weights: float64 (num_clusters,), times that each cluster counts.
    """
    each = weights[ranking.owners]
    above = np.concatenate(([0.0], np.cumsum(each)))
    if not len(ranking.positives):
        return np.nan, np.nan
    gained = np.add.reduceat(each[ranking.positives], ranking.first)
    true, called = np.cumsum(gained), above[ranking.stops]
    positives, negatives = true[-1], above[-1] - true[-1]
    if not positives:
        return np.nan, np.nan
    ap = (gained * true / np.maximum(called, 1.0)).sum() / positives
    if not negatives:
        return np.nan, float(ap)
    beaten = negatives - (called - true) + (called - above[ranking.starts] - gained) / 2.0
    return float((gained * beaten).sum() / (positives * negatives)), float(ap)


def auc_and_ap_of_classes(rankings: list[Ranking], weights: Array) -> tuple[Array, Array]:
    """`auc_and_ap` of each class against the rest: float64 (num_classes,) each."""
    both = np.array([auc_and_ap(ranking, weights) for ranking in rankings])
    return both[:, 0], both[:, 1]


def curve(scores: Array, positive: Array) -> tuple[Array, Array]:
    """True and false positives, int64 (num_thresholds + 1,) each, as the threshold falls; both begin at 0."""
    order = np.argsort(-scores, kind="stable")
    edges = _edges(scores[order])
    true = np.concatenate(([0], np.cumsum(positive[order])))[edges]
    return true, edges - true


def _edges(falling: Array) -> Array:
    """Places where a run of equal scores starts, and the end."""
    return np.concatenate(([0], np.flatnonzero(falling[1:] != falling[:-1]) + 1, [len(falling)]))
