"""Whether two models that answered the same questions differ: tests of paired scores and paired answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import interval


@dataclass(frozen=True)
class Difference:
    """What a model has more than another, and how surely.

    Attributes:
        value: Second less first.
        low: Lower end of its interval; None where there is none.
        high: Upper end.
        p: Chance of a difference as far from 0 where there is none; None where nobody can say.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None


def compare_aucs(first: Array, second: Array, positive: Array, clusters: Array, confidence: float) -> Difference:
    """Difference of two AUCs over the same examples, by DeLong.

    The covariance of the two comes from how often each example beats those of the other side (DeLong, DeLong and
    Clarke-Pearson, Biometrics 44:837, 1988). Where a cluster holds several examples, these are added up within it
    first (Obuchowski, Biometrics 53:567, 1997), which is DeLong's own where each example is a cluster.

    Args:
        first: float (n,), scores of the one model.
        second: float (n,), scores of the other.
        positive: bool (n,).
        clusters: int64 (n,), whose example each is.
        confidence: Of the interval, which is a normal one.

    Returns:
        Without interval and p where fewer than two clusters hold a positive, or a negative.
    """
    from scipy.stats import norm

    aucs, covariance = auc_covariance(np.stack([first, second]), positive, clusters)
    value = float(aucs[1] - aucs[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    if not np.isfinite(variance):
        return Difference(value, None, None, None)
    deviation = np.sqrt(max(variance, 0.0))
    # Rounding leaves some 1e-17 where both models order all examples alike.
    if deviation < 1e-9:
        return Difference(value, None, None, 1.0 if abs(value) < 1e-12 else None)
    half = float(norm.ppf((1.0 + confidence) / 2.0)) * deviation
    return Difference(value, value - half, value + half, float(2.0 * norm.sf(abs(value) / deviation)))


def auc_covariance(scores: Array, positive: Array, clusters: Array) -> tuple[Array, Array]:
    """AUCs (num_models,) and their covariance (num_models, num_models), float64, of `scores` (num_models, n).

    NaN where it is not known: fewer than two clusters with a positive, or with a negative.
    """
    owners = np.unique(clusters, return_inverse=True)[1]
    num_clusters = int(owners.max()) + 1
    beaten, beating = zip(*(_placements(each, positive) for each in scores), strict=True)
    of_positives, of_negatives = owners[positive], owners[~positive]
    positives, negatives = (np.bincount(side, minlength=num_clusters) for side in (of_positives, of_negatives))
    num_positives, num_negatives = positives.sum(), negatives.sum()
    aucs = np.array([each.mean() if num_negatives else np.nan for each in beaten])
    holding = [int((side > 0).sum()) for side in (positives, negatives)]
    if min(holding) < 2:
        return aucs, np.full((len(scores), len(scores)), np.nan)
    # Row by model, column by cluster: how much better than expected its positives, and its negatives, are placed.
    up = np.stack([np.bincount(of_positives, each, num_clusters) for each in beaten]) - aucs[:, None] * positives
    down = np.stack([np.bincount(of_negatives, each, num_clusters) for each in beating]) - aucs[:, None] * negatives
    from_positives = holding[0] / (holding[0] - 1) * (up @ up.T) / num_positives**2
    from_negatives = holding[1] / (holding[1] - 1) * (down @ down.T) / num_negatives**2
    shared = num_clusters / (num_clusters - 1) * (up @ down.T) / (num_positives * num_negatives)
    return aucs, from_positives + from_negatives + shared + shared.T


def _placements(scores: Array, positive: Array) -> tuple[Array, Array]:
    """Of each positive the share of negatives below it, of each negative the share of positives above; ties half."""
    rising, falling = np.sort(scores[~positive]), np.sort(scores[positive])
    below = [np.searchsorted(rising, scores[positive], side) for side in ("left", "right")]
    under = [np.searchsorted(falling, scores[~positive], side) for side in ("left", "right")]
    with np.errstate(invalid="ignore"):
        return (below[0] + below[1]) / (2.0 * len(rising)), 1.0 - (under[0] + under[1]) / (2.0 * len(falling))


def compare_answers(first: Array, second: Array) -> tuple[float, int, int]:
    """Exact McNemar test of two models' right answers.

    Only examples that one alone answers rightly say anything; where the models are equally good, each of these is a
    coin toss (McNemar, Psychometrika 12:153, 1947). Examples count as independent.

    Args:
        first: bool (n,), whether the one model is right.
        second: bool (n,), whether the other is.

    Returns:
        p, how many the first alone has right, and how many the second alone.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    tosses = only_first + only_second
    return (float(binomtest(only_first, tosses).pvalue) if tosses else 1.0), only_first, only_second


def compare_resampled(first: Sequence[float], second: Sequence[float], confidence: float) -> Difference:
    """Difference of any metric, from the same resamples of patients for both models.

    The p is twice the share of resamples on the rarer side of 0, each side counted once more, so that no number of
    resamples proves a p of 0 (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2).

    Args:
        first: Metric of the one model: of all examples, then of each resample; NaN where undefined.
        second: Of the other, in the same order.
        confidence: Of the percentile interval.
    """
    differences = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    value, resampled = float(differences[0]), differences[1:]
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(defined) or 2 * len(defined) < len(resampled):
        return Difference(value, None, None, None)
    sides = [(1 + int((defined <= 0).sum())), (1 + int((defined >= 0).sum()))]
    low, high = interval(resampled, confidence) or (None, None)
    return Difference(value, low, high, min(1.0, 2.0 * min(sides) / (len(defined) + 1)))


def holm(chances: Sequence[float | None]) -> list[float | None]:
    """The p of several comparisons, corrected so that one false alarm among all stays as rare as in one alone.

    Holm, Scand. J. Stat. 6:65, 1979. None stays None and does not count.
    """
    known = sorted((p, place) for place, p in enumerate(chances) if p is not None)
    corrected: list[float | None] = [None] * len(chances)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        corrected[place] = highest
    return corrected
