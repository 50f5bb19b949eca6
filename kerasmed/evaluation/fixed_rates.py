"""What one error rate costs in the other: sensitivity at a fixed specificity, and specificity at a fixed sensitivity.

Both are read off the ROC curve at a threshold that these very examples allow, without interpolation: the highest
sensitivity whose specificity is at least the level, and the reverse. The threshold was chosen on the examples that it
is told of, so that it is a description of the curve and no promise for others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import draw_weights, interval
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.names import ONE_SIDED
from kerasmed.evaluation.ranking import Ranking, curve, rank, sweep
from kerasmed.evaluation.report import Estimate

# The rate that is fixed, and the one that is told.
PAIRS = (("specificity", "sensitivity"), ("sensitivity", "specificity"))


def measure_fixed_rates(judged: Judged, settings: Evaluation, seed: int) -> list[dict[str, Any]]:
    """One row for each class, fixed rate and level of `settings.fixed_rates`, as JSON values.

    Of two classes the last alone has rows: those of the other are the same turned round.

    Returns:
        class, fixed ("specificity"), level, told ("sensitivity"), value, low, high, reason where there is no value,
        and threshold: the score from which on these examples reach the level; None where only "no example at all" does.
    """
    judged.check()
    truth, clusters, levels = judged.truth, judged.clusters, settings.fixed_rates
    num_clusters = int(clusters.max()) + 1
    resamples = settings.bootstrap if num_clusters > 1 else 0
    weights = [np.ones(num_clusters), *draw_weights(num_clusters, resamples, seed)]
    rows = []
    for place, name in _told_classes(judged):
        scores = judged.scores[:, place]
        ranking = rank(scores, truth[:, place], clusters)
        rates = np.stack([rates_at(ranking, each, levels) for each in weights])  # (resamples + 1, 2, levels)
        for way, (fixed, told) in enumerate(PAIRS):
            for column, level in enumerate(levels):
                values = rates[:, way, column]
                estimate = Estimate.of(float(values[0]), interval(values[1:], settings.confidence), ONE_SIDED)
                threshold = _threshold(scores, truth[:, place], fixed, level)
                row = {"class": name, "fixed": fixed, "level": level, "told": told}
                rows.append({**row, **estimate.to_json(), "threshold": threshold})
    return rows


def rates_at(ranking: Ranking, weights: Array, levels: Sequence[float]) -> Array:
    """float64 (2, num_levels): sensitivity at each specificity, specificity at each sensitivity; NaN if one-sided.

    Args:
        ranking: Of the examples.
        weights: float64 (num_clusters,), times that each cluster counts.
        levels: Lowest value of the fixed rate.
    """
    swept = sweep(ranking, weights)
    if swept is None or not swept.negatives:
        return np.full((2, len(levels)), np.nan)
    sensitivity = swept.true / swept.positives
    specificity = (swept.negatives - (swept.called - swept.true)) / swept.negatives
    allowed = [int((specificity >= level).sum()) for level in levels]
    reached = [int((sensitivity >= level).argmax()) for level in levels]
    return np.array([
        [sensitivity[count - 1] if count else 0.0 for count in allowed],
        [specificity[place] for place in reached],
    ])  # fmt: skip


def _told_classes(judged: Judged) -> list[tuple[int, str]]:
    named = list(enumerate(judged.target.classes))
    return named[-1:] if judged.target.task == "single_label" and len(named) == 2 else named


def _threshold(scores: Array, positive: Array, fixed: str, level: float) -> float | None:
    """The score from which on a class is called so that `fixed` reaches `level` and the other rate is highest."""
    falling = np.unique(scores)[::-1]
    true, false = (counts[1:] for counts in curve(scores, positive))
    if not true[-1] or not false[-1]:
        return None
    if fixed == "sensitivity":
        return float(falling[(true / true[-1] >= level).argmax()])
    allowed = (false[-1] - false) / false[-1] >= level
    if not allowed.any() or not true[allowed][-1]:
        return None
    return float(falling[(true == true[allowed][-1]).argmax()])
