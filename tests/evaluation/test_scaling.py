"""Scales that were put into simulated logits are found again."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from kerasmed.errors import ConfigError
from kerasmed.evaluation.scaling import TEMPERATURES, fit_curve, fit_scaling, fit_temperature, log_losses
from kerasmed.spec import TargetSpec

BEATS = TargetSpec("single_label", ("N", "S", "V"))
FINDINGS = TargetSpec("multi_label", ("AF", "AVB"))


def drawn(num_examples: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the chance that the labels were drawn by."""
    rng = np.random.default_rng(seed)
    logits = rng.normal([1.0, 0.0, -0.5], 2, (num_examples, 3))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((num_examples, 1))).sum(axis=1)
    return logits, np.minimum(labels, 2)


def drawn_labels(num_examples: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    logits = rng.normal(-0.5, 2, (num_examples, 2))
    return logits, (rng.random((num_examples, 2)) < expit(logits)).astype(np.int8)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_put_in_is_found_again(temperature: float) -> None:
    logits, labels = drawn()
    found = fit_temperature((temperature * logits).astype(np.float32), labels, BEATS)
    assert found == pytest.approx(temperature, rel=0.03)


def test_the_temperature_is_that_of_scikit_learn() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Logits(ClassifierMixin, BaseEstimator):
        def fit(self, x, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, x):
            return x.argmax(axis=1)

        def decision_function(self, x):
            return x

    logits, labels = drawn(2000)
    theirs = CalibratedClassifierCV(FrozenEstimator(Logits().fit(logits, labels)), method="temperature", ensemble=False)
    theirs.fit(1.7 * logits, labels)
    ours = 1.7 * logits / fit_temperature(1.7 * logits, labels, BEATS)
    np.testing.assert_allclose(softmax(ours, axis=1), theirs.predict_proba(1.7 * logits), atol=2e-3)


def test_one_temperature_serves_several_labels_too() -> None:
    logits, labels = drawn_labels()
    assert fit_temperature(3 * logits, labels, FINDINGS) == pytest.approx(3, rel=0.03)


def test_the_curve_of_each_label_is_found_again() -> None:
    logits, labels = drawn_labels()
    shifted = logits * [0.5, 4.0] + [1.0, -2.0]
    scale, offset = fit_scaling("platt", shifted, labels, FINDINGS)
    assert scale == pytest.approx([2.0, 0.25], rel=0.05)
    assert offset == pytest.approx([-2.0, 0.5], abs=0.08)


def test_a_curve_is_that_of_a_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    logits, labels = drawn_labels()
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(logits[:, :1] * 2, labels[:, 0])
    slope, offset = fit_curve(logits[:, 0] * 2, labels[:, 0].astype(bool))
    assert (slope, offset) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=2e-3)


def test_a_label_told_apart_without_an_error_gets_a_finite_curve() -> None:
    slope, offset = fit_curve(np.linspace(-1, 1, 100), np.linspace(-1, 1, 100) > 0)
    assert 1 < slope <= 100
    assert np.isfinite(offset)


@pytest.mark.parametrize("all_or_none", [True, False])
def test_a_label_that_does_not_vary_is_left_as_it_is(all_or_none: bool) -> None:
    assert fit_curve(np.linspace(-1, 1, 9), np.full(9, all_or_none)) == (1.0, 0.0)


def test_rows_without_an_error_do_not_make_the_model_certain() -> None:
    labels = np.arange(300) % 3
    assert fit_temperature(4.0 * np.eye(3)[labels], labels, BEATS) == 1.0
    assert fit_temperature(4.0 * np.eye(3)[labels] - 2.0, np.eye(3)[labels], FINDINGS) == 1.0


def test_logits_that_tell_nothing_end_at_the_highest_temperature() -> None:
    rng = np.random.default_rng(0)
    assert fit_temperature(rng.normal(size=(3000, 3)), rng.integers(3, size=3000), BEATS) > TEMPERATURES[1] / 2


def test_vectors_put_in_are_taken_out() -> None:
    logits, labels = drawn()
    spoilt = logits * [2.0, 1.0, 0.5] + [1.0, -1.0, 0.0]
    scale, offset = fit_scaling("platt", spoilt, labels, BEATS)
    assert scale == pytest.approx([0.5, 1.0, 2.0], rel=0.06)
    assert log_losses(spoilt * scale + offset, labels, BEATS).mean() <= log_losses(logits, labels, BEATS).mean()


def test_vectors_need_every_class() -> None:
    with pytest.raises(ConfigError, match=r"the validation rows have none of V; use calibration\.method=temperature"):
        fit_scaling("platt", np.zeros((4, 3)), np.array([0, 1, 0, 1]), BEATS)


def test_no_method_changes_nothing() -> None:
    assert fit_scaling("none", np.zeros((4, 3)), np.zeros(4, int), BEATS) == ((1.0,) * 3, (0.0,) * 3)
