"""Every metric of some examples, and of resamples of their patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import Redraws, draw_weights, interval
from kerasmed.evaluation.classification import Measures, Tallies, measure, sides, tally
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.names import CLASS_METRICS, METRICS
from kerasmed.evaluation.ranking import measure_ranks, rank_classes, with_exact_auc
from kerasmed.evaluation.report import Estimate


@dataclass(frozen=True)
class Measured:
    """Metrics with what their intervals are made of.

    Attributes:
        classes: Of the target.
        total: Sums over all examples.
        whole: Metrics of all examples.
        resampled: Metrics of each resample.
        redraws: How often a resample was drawn again; None where resamples are taken as they come.
        confidence: Of the intervals.
    """

    classes: tuple[str, ...]
    total: Tallies
    whole: Measures
    resampled: list[Measures]
    redraws: Redraws | None
    confidence: float

    def metrics(self) -> dict[str, Estimate]:
        """Every overall metric with its interval."""
        return {
            name: self._estimate(value, [each.overall[name] for each in self.resampled], METRICS[name].undefined)
            for name, value in self.whole.overall.items()
        }

    def metrics_of_classes(self) -> dict[str, dict[str, Estimate]]:
        """Every metric of every class with its interval."""
        of_classes: dict[str, dict[str, Estimate]] = {name: {} for name in self.classes}
        for metric, values in self.whole.per_class.items():
            drawn = np.array([each.per_class[metric] for each in self.resampled])
            drawn = drawn.reshape(len(self.resampled), len(self.classes))
            for place, name in enumerate(self.classes):
                undefined = CLASS_METRICS[metric].undefined
                of_classes[name][metric] = self._estimate(values[place], drawn[:, place], undefined)
        return of_classes

    def _estimate(self, value: float, resampled: Sequence[float] | Array, undefined: str) -> Estimate:
        return Estimate.of(float(value), interval(np.asarray(resampled), self.confidence), undefined)


def measure_all(judged: Judged, macro_classes: tuple[str, ...], settings: Evaluation, seed: int) -> Measured:
    """Measure `judged` and as many resamples of its patients as `settings` ask for.

    Where they say so, a resample is drawn again until every class that has an example inside and one outside it in
    `judged` has both there, too, as the PTB-XL benchmark does (Strodthoff et al. 2021, IEEE JBHI 25:1519).

    Raises:
        ContractError: No example, or a score that is not finite.
    """
    judged.check()
    truth, clusters = judged.truth, judged.clusters
    num_clusters = int(clusters.max()) + 1
    tallies = tally(judged.scores, judged.targets, judged.target, clusters, num_clusters, judged.thresholds)
    rankings, present = rank_classes(judged.scores, truth, clusters), sides(truth)

    def of(weights: Array, whole: bool = False) -> Measures:
        ranked = measure_ranks(rankings, weights)
        ranked = with_exact_auc(ranked, judged.scores, truth) if whole else ranked
        return measure(tallies.added(weights), ranked, judged.target, macro_classes, present)

    redraws = Redraws() if settings.redraw in ("always", judged.target.task) else None
    holds = _sides_by_patient(truth, clusters, num_clusters, present) if redraws is not None else None
    resamples = settings.bootstrap if num_clusters > 1 else 0
    everyone = np.ones(num_clusters)
    return Measured(
        classes=judged.target.classes,
        total=tallies.added(everyone),
        whole=of(everyone, whole=True),
        resampled=[of(weights) for weights in draw_weights(num_clusters, resamples, seed, holds, redraws)],
        redraws=redraws,
        confidence=settings.confidence,
    )


def _sides_by_patient(truth: Array, clusters: Array, num_clusters: int, present: Array) -> Array:
    """Bool (num_clusters, n): both sides of each class that has both in the whole split."""
    both = truth[:, present.all(axis=1)]
    held = np.zeros((num_clusters, 2, both.shape[1]), bool)
    for side, of_side in enumerate((both, ~both)):
        np.logical_or.at(held[:, side], clusters, of_side)
    return held.reshape(num_clusters, -1)
