"""Thresholds by each rule, on scores whose rates can be counted by hand."""

import numpy as np
import pytest

from kerasmed.config.run import Calibrator
from kerasmed.evaluation.operating_points import operating_point

# From the highest score: hit, hit, miss, hit, miss, miss, hit, miss.
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], np.float32)
POSITIVE = np.array([1, 1, 0, 1, 0, 0, 1, 0], bool)


def chosen(rule: str, floor: float | None = None) -> dict:
    return operating_point(SCORES, POSITIVE, Calibrator(rule=rule, floor=floor))


@pytest.mark.parametrize(
    ("rule", "floor", "threshold", "sensitivity", "ppv"),
    [
        ("max_f1", None, 0.55, 0.75, 0.75),
        ("youden", None, 0.75, 0.5, 1.0),
        ("sensitivity", 0.75, 0.55, 0.75, 0.75),
        ("sensitivity", 0.76, 0.25, 1.0, 4 / 7),
        ("sensitivity", 1.0, 0.25, 1.0, 4 / 7),
        ("ppv", 1.0, 0.75, 0.5, 1.0),
        ("ppv", 0.7, 0.55, 0.75, 0.75),
        ("ppv", 0.5, 0.1, 1.0, 0.5),
    ],
)
def test_the_rule_decides(rule, floor, threshold, sensitivity, ppv) -> None:
    found = chosen(rule, floor)
    assert found["threshold"] == pytest.approx(threshold)
    assert (found["sensitivity"], found["ppv"]) == pytest.approx((sensitivity, ppv))


def test_what_the_threshold_gave_is_what_it_gives() -> None:
    found = chosen("max_f1")
    called = found["threshold"] <= SCORES
    assert found["specificity"] == (~called & ~POSITIVE).sum() / 4
    assert found["f1"] == pytest.approx(2 * (called & POSITIVE).sum() / (called.sum() + 4))


def test_a_floor_that_nothing_reaches_takes_the_best_and_says_so() -> None:
    found = operating_point(SCORES, ~POSITIVE, Calibrator(rule="ppv", floor=0.9))
    assert found["ppv"] == 0.5
    assert found["reason"] == "no threshold reaches a predictive value of 0.9; this is the best"


@pytest.mark.parametrize(("positive", "said"), [(False, "no example of the class"), (True, "no example outside")])
def test_a_class_that_does_not_vary_keeps_one_half_and_says_so(positive, said) -> None:
    found = operating_point(SCORES, np.full(8, positive), Calibrator())
    assert found["threshold"] == 0.5
    assert found["reason"].startswith(said)


def test_equal_scores_fall_on_the_same_side() -> None:
    found = operating_point(np.array([0.6, 0.6, 0.6, 0.1]), np.array([1, 1, 0, 0], bool), Calibrator())
    assert (found["threshold"], found["ppv"]) == pytest.approx((0.35, 2 / 3))


def test_a_threshold_is_never_zero() -> None:
    assert operating_point(np.zeros(4), np.array([1, 1, 0, 0], bool), Calibrator())["threshold"] > 0
