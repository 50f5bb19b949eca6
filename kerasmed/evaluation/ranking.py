"""How well scores rank: AUC, average precision and the best F1, by one sort and any number of weightings."""

from collections.abc import Mapping
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


@dataclass(frozen=True)
class Sweep:
    """What is called positive as the threshold falls from run to run, each example counted as its cluster weighs.

    Attributes:
        gained: float64 (num_runs,), positives in each run.
        true: float64 (num_runs,), positives down to the end of each run.
        called: float64 (num_runs,), examples down to the end of each run.
        above: float64 (num_runs,), examples before each run.
        positives: In all.
        negatives: In all.
    """

    gained: Array
    true: Array
    called: Array
    above: Array
    positives: float
    negatives: float


def sweep(ranking: Ranking, weights: Array) -> Sweep | None:
    """Walk down a ranking; None where no positive counts.

    Args:
        ranking: Of the examples.
        weights: float64 (num_clusters,), times that each cluster counts.
    """
    each = weights[ranking.owners]
    above = np.concatenate(([0.0], np.cumsum(each)))
    if not len(ranking.positives):
        return None
    gained = np.add.reduceat(each[ranking.positives], ranking.first)
    true = np.cumsum(gained)
    if not true[-1]:
        return None
    called = above[ranking.stops]
    return Sweep(gained, true, called, above[ranking.starts], float(true[-1]), float(above[-1] - true[-1]))


def ranking_measures(ranking: Ranking, weights: Array) -> tuple[float, float, float]:
    """Area under the ROC curve, average precision, and the best F1 of any threshold; NaN where one side is empty.

    Equal scores count half in the AUC. Average precision is the sum of precision times the step in recall, without
    interpolation, as in scikit-learn's `average_precision_score`.

    Args:
        ranking: Of the examples.
        weights: float64 (num_clusters,), times that each cluster counts.
    """
    swept = sweep(ranking, weights)
    if swept is None:
        return np.nan, np.nan, np.nan
    gained, true, called = swept.gained, swept.true, swept.called
    positives, negatives = swept.positives, swept.negatives
    ap = float((gained * true / np.maximum(called, 1.0)).sum() / positives)
    # Between two runs with a positive in them F1 only falls, so that these are all the thresholds that matter.
    f_max = float((2.0 * true / (called + positives)).max())
    if not negatives:
        return np.nan, ap, f_max
    beaten = negatives - (called - true) + (called - swept.above - gained) / 2.0
    return float((gained * beaten).sum() / (positives * negatives)), ap, f_max


def rank_classes(scores: Array, truth: Array, clusters: Array) -> list[Ranking]:
    """`rank` of each class against the rest, from scores and bool truth (n, num_classes)."""
    return [rank(scores[:, place], truth[:, place], clusters) for place in range(truth.shape[1])]


def measure_ranks(rankings: list[Ranking], weights: Array) -> dict[str, Array]:
    """auc, ap and f_max of each class against the rest: float64 (num_classes,) each."""
    measured = np.array([ranking_measures(ranking, weights) for ranking in rankings]).reshape(-1, 3)
    return {name: measured[:, place] for place, name in enumerate(("auc", "ap", "f_max"))}


def with_exact_auc(measured: Mapping[str, Array], scores: Array, truth: Array) -> dict[str, Array]:
    """`measured` of all examples, each counted once, with the AUC to the last bit of scikit-learn's."""
    exact = [exact_auc(scores[:, place], truth[:, place]) for place in range(truth.shape[1])]
    return {**measured, "auc": np.array(exact)}


def exact_auc(scores: Array, positive: Array) -> float:
    """AUC of examples that count once each, to the last bit of scikit-learn's `roc_auc_score`; NaN as above.

    Published values have been printed with 16 digits. The last ones depend on what is added up in which order: here
    trapezoids under the corners of the curve, in float64, by numpy's sum.
    """
    true, false = (counts[1:].astype(np.float64) for counts in curve(scores, positive))
    if not len(true) or not true[-1] or not false[-1]:
        return np.nan
    if len(true) > 2:
        bends = (np.diff(true, 2) != 0) | (np.diff(false, 2) != 0)
        corner = np.concatenate(([True], bends, [True]))
        true, false = true[corner], false[corner]
    heights, widths = (np.concatenate(([0.0], counts)) / counts[-1] for counts in (true, false))
    return float(np.trapezoid(heights, widths))


def curve(scores: Array, positive: Array) -> tuple[Array, Array]:
    """True and false positives, int64 (num_thresholds + 1,) each, as the threshold falls; both begin at 0."""
    order = np.argsort(-scores, kind="stable")
    edges = _edges(scores[order])
    true = np.concatenate(([0], np.cumsum(positive[order])))[edges]
    return true, edges - true


def _edges(falling: Array) -> Array:
    """Places where a run of equal scores starts, and the end."""
    return np.concatenate(([0], np.flatnonzero(falling[1:] != falling[:-1]) + 1, [len(falling)]))
