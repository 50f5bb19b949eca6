"""What a calibration is worth on the rows that judge: claims before and after, coverage of the prediction sets."""

from typing import Any

import numpy as np

from kerasmed.calibration import Calibration
from kerasmed.config.run import Evaluation
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import draw_weights, interval
from kerasmed.evaluation.calibrate import squared_errors
from kerasmed.evaluation.calibration import bin_sums, confidences
from kerasmed.evaluation.conformal import covered
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.report import Estimate
from kerasmed.evaluation.scaling import log_losses

Sums = dict[str, Array]


def measure_calibrated(
    before: Judged, after: Judged, calibration: Calibration, settings: Evaluation, seed: int
) -> dict[str, Any]:
    """The part of a report that speaks of its calibration, as JSON values.

    Args:
        before: The rows that judge, with the scores of the logits as they are.
        after: The same rows, calibrated.
        calibration: How.
        settings: Number of resamples and confidence of the intervals.
        seed: Of the resamples of patients, the same as the report's.
    """
    clusters = after.clusters
    num_clusters = int(clusters.max()) + 1
    resamples = settings.bootstrap if num_clusters > 1 else 0
    weights = np.stack([np.ones(num_clusters), *draw_weights(num_clusters, resamples, seed)])
    ours = {key: value for key, value in calibration.to_json().items() if key not in ("target", "facts", "thresholds")}
    thresholds = dict(zip(calibration.target.classes, calibration.thresholds, strict=True))
    told = {key: value for key, value in calibration.facts.items() if key not in ("before", "after", "points")}
    return {
        **ours,
        **told,
        "thresholds": thresholds,
        "claims": _claims(before, after, weights, settings.confidence),
        "coverage_found": _coverage(after, calibration, weights, settings.confidence),
    }


def _claims(before: Judged, after: Judged, weights: Array, confidence: float) -> dict[str, Any]:
    """ece, brier and nll before and after, and the change: negative where the calibration helps."""
    first, second = (_claims_of(judged, weights) for judged in (before, after))
    return {
        name: {
            "before": _estimate(first[name], confidence),
            "after": _estimate(second[name], confidence),
            "change": _estimate(second[name] - first[name], confidence),
        }
        for name in first
    }


def _claims_of(judged: Judged, weights: Array) -> Sums:
    """float64 (resamples + 1,) of each measure, the first of all patients."""
    assert judged.logits is not None
    clusters, num_clusters = judged.clusters, weights.shape[1]
    claims = confidences(judged.scores, judged.truth, judged.predicted, judged.target)
    bins = np.tensordot(weights, bin_sums(*claims, clusters, num_clusters), axes=1)
    rows = {"brier": squared_errors(judged), "nll": log_losses(judged.logits, judged.targets, judged.target)}
    counts = weights @ np.bincount(clusters, minlength=num_clusters)
    gap = np.abs(bins[..., 1] - bins[..., 2]).sum(axis=-1) / bins[..., 0].sum(axis=-1)
    means = {name: weights @ np.bincount(clusters, row, num_clusters) / counts for name, row in rows.items()}
    return {"ece": gap, **means}


def _coverage(after: Judged, calibration: Calibration, weights: Array, confidence: float) -> dict[str, Any]:
    """How often the truth was in the set: of all examples, of the mean patient, and by class."""
    sets, clusters, num_clusters = calibration.sets(after.scores), after.clusters, weights.shape[1]
    hits = covered(sets, after.truth)
    share = hits.mean(axis=1)
    of_patient = np.bincount(clusters, share, num_clusters) / np.bincount(clusters, minlength=num_clusters)
    counted = _counted(after, hits.shape)
    by_class = {
        name: _estimate(
            _rate(hits[:, column], counted[:, place], clusters, weights), confidence, "no example of the class"
        )
        for place, name in enumerate(after.target.classes)
        for column in [place if hits.shape[1] > 1 else 0]
    }
    everyone = np.ones(len(after))
    sizes = sets.sum(axis=-1)
    return {
        "requested": calibration.coverage,
        "examples": _estimate(_rate(share, everyone, clusters, weights), confidence),
        "patients": _estimate(weights @ of_patient / weights.sum(axis=1), confidence),
        "lowest_patient": float(of_patient.min()),
        "num_patients": num_clusters,
        "classes": by_class,
        "sizes": {
            "empty": float((sizes == 0).mean()),
            "one": float((sizes == 1).mean()),
            "several": float((sizes > 1).mean()),
        },
    }


def _counted(judged: Judged, shape: tuple[int, ...]) -> Array:
    """Which rows speak for a class: those of the class; of multi_label every row."""
    return judged.truth if shape[1] == 1 else np.ones(shape)


def _rate(hits: Array, counted: Array, clusters: Array, weights: Array) -> Array:
    """float64 (resamples + 1,): share of hits among the rows that count; NaN where none does."""
    num_clusters = weights.shape[1]
    found, rows = (np.bincount(clusters, each, num_clusters) for each in (hits * counted, counted))
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ found) / (weights @ rows))


def _estimate(values: Array, confidence: float, undefined: str = "") -> dict[str, Any]:
    return Estimate.of(float(values[0]), interval(values[1:], confidence), undefined).to_json()
