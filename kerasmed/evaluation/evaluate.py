"""From scores to a report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import draw_weights, interval
from kerasmed.evaluation.calibration import reliability
from kerasmed.evaluation.classification import Measures, Tallies, measure, tally
from kerasmed.evaluation.cpsc2018 import measure_cpsc2018
from kerasmed.evaluation.judged import Judged, describe_rows, worst_rows
from kerasmed.evaluation.names import CLASS_METRICS, METRICS
from kerasmed.evaluation.ranking import auc_and_ap_of_classes, rank
from kerasmed.evaluation.remarks import remarks
from kerasmed.evaluation.report import Estimate, Report

NUM_WORST = 12
# Below this many examples in the mean record, a table by record says nothing.
EXAMPLES_PER_RECORD = 5


def evaluate(
    judged: Judged,
    protocol: Protocol,
    settings: Evaluation,
    seed: int,
    notes: tuple[str, ...] = (),
    split: Mapping[str, Any] | None = None,
    calibrated: Mapping[str, Any] | None = None,
) -> Report:
    """Judge `judged` by the rules of `protocol`.

    Args:
        judged: Scores beside the truth.
        protocol: The rules.
        settings: Number of resamples and the confidence of the intervals.
        seed: Of the resamples: the same seed gives the same intervals.
        notes: What the data set wants said; comes before what the numbers themselves want said.
        split: How examples were divided.
        calibrated: What `measure_calibrated` says, where `judged` is calibrated.

    Raises:
        ContractError: No example, or a score that is not finite.
    """
    tallies = _tally_patients(judged)
    total = tallies.added(np.ones(len(tallies.examples)))
    whole, resampled = _measure_all(judged, protocol, settings, seed, tallies)
    return Report(
        target=judged.target,
        protocol=protocol,
        metrics=_metrics(whole, resampled, settings) | _metrics_of_challenge(judged, protocol, settings, seed),
        per_class=_metrics_of_classes(judged.target.classes, whole, resampled, settings),
        support=dict(zip(judged.target.classes, judged.truth.sum(axis=0).tolist(), strict=True)),
        confusion=total.cells.astype(np.int64).tolist(),
        calibration=reliability(total.bins),
        records=_by_record(judged),
        worst=describe_rows(judged, worst_rows(judged, NUM_WORST).tolist()),
        judged=_who(judged),
        intervals={"resamples": settings.bootstrap, "confidence": settings.confidence, "seed": seed},
        notes=(*notes, *remarks(judged, protocol, settings, resampled)),
        split=split,
        calibrated=calibrated,
    )


def _metrics_of_challenge(judged: Judged, protocol: Protocol, settings: Evaluation, seed: int) -> dict[str, Estimate]:
    return measure_cpsc2018(judged, settings, seed) if protocol.challenge == "cpsc2018" else {}


def _tally_patients(judged: Judged) -> Tallies:
    judged.check()
    clusters = judged.clusters
    num_clusters = int(clusters.max()) + 1
    return tally(judged.scores, judged.targets, judged.target, clusters, num_clusters, judged.thresholds)


def _who(judged: Judged) -> dict[str, Any]:
    return {
        "examples": len(judged),
        "records": len(np.unique(judged.groups)),
        "patients": len(np.unique(judged.clusters)),
        "digest": judged.fingerprint(),
    }


def _measure_all(
    judged: Judged, protocol: Protocol, settings: Evaluation, seed: int, tallies: Tallies
) -> tuple[Measures, list[Measures]]:
    """Metrics of the whole split, and of every resample of its patients."""
    truth, clusters, num_clusters = judged.truth, judged.clusters, len(tallies.examples)
    rankings = [rank(judged.scores[:, place], truth[:, place], clusters) for place in range(truth.shape[1])]
    occurs = np.any(truth, axis=0)

    def of(weights: Array) -> Measures:
        ranked = auc_and_ap_of_classes(rankings, weights)
        return measure(tallies.added(weights), ranked, judged.target, protocol.macro_classes, occurs)

    resamples = settings.bootstrap if num_clusters > 1 else 0
    return of(np.ones(num_clusters)), [of(weights) for weights in draw_weights(num_clusters, resamples, seed)]


def _metrics(whole: Measures, resampled: list[Measures], settings: Evaluation) -> dict[str, Estimate]:
    return {
        name: _estimate(value, [each.overall[name] for each in resampled], settings, METRICS[name].undefined)
        for name, value in whole.overall.items()
    }


def _metrics_of_classes(
    classes: tuple[str, ...], whole: Measures, resampled: list[Measures], settings: Evaluation
) -> dict[str, dict[str, Estimate]]:
    of_classes: dict[str, dict[str, Estimate]] = {name: {} for name in classes}
    for metric, values in whole.per_class.items():
        drawn = np.array([each.per_class[metric] for each in resampled]).reshape(len(resampled), len(classes))
        for place, name in enumerate(classes):
            undefined = CLASS_METRICS[metric].undefined
            of_classes[name][metric] = _estimate(values[place], drawn[:, place], settings, undefined)
    return of_classes


def _estimate(value: float, resampled: Sequence[float] | Array, settings: Evaluation, undefined: str) -> Estimate:
    return Estimate.of(float(value), interval(np.asarray(resampled), settings.confidence), undefined)


def _by_record(judged: Judged) -> list[dict[str, Any]]:
    names, first, groups = np.unique(judged.groups, return_index=True, return_inverse=True)
    if len(judged) < EXAMPLES_PER_RECORD * len(names):
        return []
    tallies = tally(judged.scores, judged.targets, judged.target, groups, len(names), judged.thresholds)
    single = judged.target.task == "single_label"
    cells = tallies.cells if single else tallies.cells[..., 1, :]
    support = cells.sum(axis=-1).astype(np.int64)
    hits = np.diagonal(cells, axis1=-2, axis2=-1) if single else cells[..., 1]
    return [
        {
            "record": str(name),
            "patient": str(judged.patients[first[place]]),
            "examples": int(tallies.examples[place]),
            "accuracy": float(tallies.hits[place] / tallies.examples[place]),
            "support": dict(zip(judged.target.classes, support[place].tolist(), strict=True)),
            "sensitivity": {
                label: float(hits[place, column] / support[place, column]) if support[place, column] else None
                for column, label in enumerate(judged.target.classes)
            },
        }
        for place, name in enumerate(names)
    ]
