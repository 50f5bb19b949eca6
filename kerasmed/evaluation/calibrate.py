"""From the logits of held-out rows to a calibration: scaling, then thresholds and prediction sets of scaled scores."""

from dataclasses import replace
from typing import Any

import numpy as np

from kerasmed.calibration import Calibration, Method
from kerasmed.config.run import Calibrator
from kerasmed.data.records import Array
from kerasmed.evaluation.calibration import bin_sums, confidences, expected_calibration_error
from kerasmed.evaluation.conformal import fewest_patients, quantile, strangeness
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.operating_points import operating_point
from kerasmed.evaluation.scaling import TEMPERATURES, fit_scaling, log_losses, probabilities

UNKNOWN = "the rows do not say it: none is answered wrongly, or the logits tell nothing"
AUTO: dict[str, Method] = {"single_label": "temperature", "multi_label": "platt"}


def calibrate(held_out: Judged, settings: Calibrator) -> Calibration:
    """Fit a calibration on rows that no weight was fitted on.

    Args:
        held_out: Their logits and truth; its scores are those of the logits as they are.
        settings: How.

    Raises:
        ContractError: No row, or a logit that is not finite.
        ConfigError: The method cannot be fitted on these rows.
    """
    held_out.check()
    target, logits = held_out.target, held_out.logits
    assert logits is not None
    method: Method = AUTO[target.task] if settings.method == "auto" else settings.method
    scale, offset = fit_scaling(method, logits, held_out.targets, target)
    fitted = Calibration(target, method, scale, offset, (0.5,) * len(target.classes), settings.decide,
                         settings.coverage, (1.0,) * _num_quantiles(held_out))  # fmt: skip
    scored = calibrated(held_out, fitted)
    points = {
        name: operating_point(scored.scores[:, place], held_out.truth[:, place], settings)
        for place, name in enumerate(target.classes)
    }
    quantiles, sets = _admit(scored, settings)
    facts = {
        **_temperature(fitted),
        "rule": {"name": settings.rule, "floor": settings.floor},
        "points": points,
        "sets": sets,
        "fitted_on": describe_rows(held_out),
        "before": measure_claims(held_out),
        "after": measure_claims(scored),
    }
    return replace(fitted, thresholds=tuple(point["threshold"] for point in points.values()), quantiles=quantiles,
                   facts=facts)  # fmt: skip


def calibrated(judged: Judged, calibration: Calibration) -> Judged:
    """`judged` with calibrated logits and scores, answered as the calibration decides."""
    assert judged.logits is not None
    scaled = calibration.scaled(judged.logits)
    scores = probabilities(scaled, judged.target)
    return replace(judged, logits=scaled, scores=scores, thresholds=calibration.deciding)


def measure_claims(judged: Judged) -> dict[str, float]:
    """How well the scores of `judged` say how sure one may be: ece, brier, nll; lower is better."""
    assert judged.logits is not None
    rows = len(judged)
    bins = bin_sums(*confidences(judged.scores, judged.truth, judged.predicted, judged.target), np.zeros(rows, int), 1)
    return {
        "ece": expected_calibration_error(bins[0]),
        "brier": float(squared_errors(judged).mean()),
        "nll": float(log_losses(judged.logits, judged.targets, judged.target).mean()),
    }


def squared_errors(judged: Judged) -> Array:
    """float64 (n,): squared distance of the scores from the truth, summed over classes or averaged over labels."""
    squares = np.square(judged.scores - judged.truth, dtype=np.float64)
    return np.asarray(squares.sum(axis=1) if judged.target.task == "single_label" else squares.mean(axis=1))


def describe_rows(judged: Judged) -> dict[str, Any]:
    """Counts of the rows, and a digest that is equal where they are the same."""
    patients = len(np.unique(judged.clusters))
    return {"examples": len(judged), "patients": patients, "digest": judged.fingerprint()}


def _num_quantiles(judged: Judged) -> int:
    return 1 if judged.target.task == "single_label" else len(judged.target.classes)


def _admit(scored: Judged, settings: Calibrator) -> tuple[tuple[float, ...], dict[str, Any]]:
    """How strange a member of a set may be, and what that promises."""
    values = strangeness(scored.scores, scored.truth, scored.target)
    clusters = scored.clusters if settings.unit == "patient" else np.arange(len(scored))
    found = [quantile(values[:, column], clusters, settings.coverage) for column in range(values.shape[1])]
    promised = settings.unit == "patient" and all(kept for _, kept in found)
    facts = {"score": "1 - score of the truth", "unit": settings.unit, "promised_for_new_patients": promised}
    return tuple(limit for limit, _ in found), {**facts, "fewest_patients": fewest_patients(settings.coverage)}


def _temperature(fitted: Calibration) -> dict[str, Any]:
    if fitted.method != "temperature":
        return {}
    temperature = 1.0 / fitted.scale[0]
    low, high = TEMPERATURES
    known = low * 1.001 < temperature < high / 1.001 and temperature != 1.0
    return {"temperature": temperature, **({} if known else {"temperature_reason": UNKNOWN})}
