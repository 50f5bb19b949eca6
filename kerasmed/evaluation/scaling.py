"""Logits that claim neither too much nor too little: temperature and logistic scaling, fitted on held-out rows.

Both are affine in the logits, so that an exported graph holds them as one layer before its softmax or sigmoid.
"""

import numpy as np

from kerasmed.calibration import Method
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError
from kerasmed.evaluation.judged import one_hot
from kerasmed.evaluation.map_metrics import map_scores
from kerasmed.spec import CLASS_TASKS, TargetSpec

# Beyond these the rows say nothing of the scale.
TEMPERATURES = (0.05, 20.0)
SLOPES = (0.01, 100.0)
Scaling = tuple[tuple[float, ...], tuple[float, ...]]


def probabilities(logits: Array, target: TargetSpec) -> Array:
    """float32 scores from logits (n, num_classes): softmax of single_label, sigmoid of multi_label.

    A row in which a logit is not finite has no score: all of it is NaN, which whoever judges or predicts refuses. Masks
    get a sigmoid, places a softmax over rows, and an angle stays what it is.
    """
    if target.task not in CLASS_TASKS:
        return map_scores(logits, target)
    from scipy.special import expit, softmax

    sound = np.isfinite(logits).all(axis=1, keepdims=True)
    wide = np.where(sound, logits, np.nan).astype(np.float64)
    scores = softmax(wide, axis=1) if target.task == "single_label" else expit(wide)
    return scores.astype(np.float32)


def log_losses(logits: Array, targets: Array, target: TargetSpec) -> Array:
    """float64 (n,), negative log-likelihood of each example; of multi_label the mean over its labels."""
    from scipy.special import log_softmax

    wide = logits.astype(np.float64)
    if target.task == "single_label":
        return np.asarray(-log_softmax(wide, axis=1)[np.arange(len(wide)), targets])
    return np.logaddexp(0.0, np.where(targets.astype(bool), -wide, wide)).mean(axis=1)


def fit_scaling(method: Method, logits: Array, targets: Array, target: TargetSpec) -> Scaling:
    """Scale and offset of each class that make the rows likeliest.

    Args:
        method: "temperature": one factor for all (Guo et al. 2017, arXiv:1706.04599). "platt": a factor and an offset
            for each class: of multi_label one logistic curve each (Platt 1999), of single_label vector scaling (Guo et
            al. 2017, section 4.2), which can change the answer. "none": 1 and 0.
        logits: float (n, num_classes).
        targets: int (n,) of single_label, 0 or 1 (n, num_classes) of multi_label.
        target: What was asked.

    Raises:
        ConfigError: "platt" of single_label, and a class does not occur.
    """
    classes = len(target.classes)
    if method == "none":
        return (1.0,) * classes, (0.0,) * classes
    if method == "temperature":
        return (1.0 / fit_temperature(logits, targets, target),) * classes, (0.0,) * classes
    if target.task == "single_label":
        return _fit_vectors(logits, targets, target)
    curves = [fit_curve(logits[:, place], targets[:, place].astype(bool)) for place in range(classes)]
    return tuple(slope for slope, _ in curves), tuple(offset for _, offset in curves)


def fit_temperature(logits: Array, targets: Array, target: TargetSpec) -> float:
    """The temperature that the logits are to be divided by; above 1 where the model claims too much.

    1 where no row is answered wrongly: such rows would have the model claim certainty.
    """
    from scipy.optimize import minimize_scalar

    wide, truth = logits.astype(np.float64), one_hot(targets, target)
    given = wide > 0 if target.task == "multi_label" else one_hot(wide.argmax(axis=1), target)
    if (given == truth).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        return float(log_losses(wide * np.exp(-log_temperature), targets, target).mean())

    # Convex in the inverse of the temperature, so there is one valley.
    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def fit_curve(logits: Array, positive: Array) -> tuple[float, float]:
    """Slope and offset of the logistic curve over the logits (n,) of one label; 1 and 0 where it does not vary.

    The targets are a little below 1 and above 0, as Platt proposes, so that labels told apart without an error do not
    lead to infinity.
    """
    from scipy.optimize import minimize

    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if not num_positive or not num_negative:
        return 1.0, 0.0
    wide = logits.astype(np.float64)
    wanted = np.where(positive, (num_positive + 1) / (num_positive + 2), 1 / (num_negative + 2))

    def loss(curve: Array) -> tuple[float, Array]:
        scaled = curve[0] * wide + curve[1]
        error = _sigmoid(scaled) - wanted
        return float((np.logaddexp(0.0, scaled) - wanted * scaled).mean()), np.array([error @ wide, error.sum()]) / len(
            wide
        )

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[SLOPES, (None, None)])
    return float(found.x[0]), float(found.x[1])


def _fit_vectors(logits: Array, targets: Array, target: TargetSpec) -> Scaling:
    from scipy.optimize import minimize
    from scipy.special import softmax

    truth, wide, classes = one_hot(targets, target), logits.astype(np.float64), len(target.classes)
    absent = [name for name, there in zip(target.classes, truth.sum(axis=0), strict=True) if not there]
    if absent:
        raise ConfigError(
            f"calibration.method=platt needs examples of every class, and the validation rows have none of "
            f"{', '.join(absent)}; use calibration.method=temperature."
        )

    def loss(vectors: Array) -> tuple[float, Array]:
        scaled = wide * vectors[:classes] + vectors[classes:]
        error = (softmax(scaled, axis=1) - truth) / len(wide)
        return float(log_losses(scaled, targets, target).mean()), np.concatenate(
            [(error * wide).sum(axis=0), error.sum(axis=0)]
        )

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    bounds = [SLOPES] * classes + [(None, None)] * classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    # A constant added to every logit changes no score.
    return tuple(found[:classes].tolist()), tuple((found[classes:] - found[classes:].mean()).tolist())


def _sigmoid(values: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(values))
