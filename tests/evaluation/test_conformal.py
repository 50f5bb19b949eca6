"""Prediction sets on simulated patients who differ: what is promised is kept, and what is not is said."""

import numpy as np
import pytest
from scipy.special import softmax

from kerasmed.calibration import Calibration
from kerasmed.evaluation.conformal import covered, fewest_patients, quantile, strangeness
from kerasmed.spec import TargetSpec

BEATS = TargetSpec("single_label", ("N", "S", "V"))
FINDINGS = TargetSpec("multi_label", ("AF", "AVB"))


def patients_who_differ(num_patients: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, truth and owner of beats: 20 to 400 a patient, some patients far harder than others."""
    sizes = rng.integers(20, 400, num_patients)
    owners = np.repeat(np.arange(num_patients), sizes)
    hardness = rng.gamma(2.0, 0.5, num_patients)[owners]
    labels = rng.choice(3, len(owners), p=[0.8, 0.08, 0.12])
    logits = 3.0 * np.eye(3)[labels] + hardness[:, None] * rng.normal(0, 1.5, (len(owners), 3))
    return softmax(logits, axis=1), np.eye(3, dtype=bool)[labels], owners


def coverage_of_patients(limit: float, scores: np.ndarray, truth: np.ndarray, owners: np.ndarray) -> float:
    held = strangeness(scores, truth, BEATS)[:, 0] <= limit
    return float((np.bincount(owners, held) / np.bincount(owners)).mean())


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_truth_of_new_patients_within_two_points_of_the_request(coverage: float) -> None:
    rng = np.random.default_rng(0)
    scores, truth, owners = patients_who_differ(500, rng)
    limit, promised = quantile(strangeness(scores, truth, BEATS)[:, 0], owners, coverage)
    found = coverage_of_patients(limit, *patients_who_differ(500, rng))
    assert promised
    assert found == pytest.approx(coverage, abs=0.02)


def test_the_promise_is_kept_on_average_with_as_few_patients_as_it_takes() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        scores, truth, owners = patients_who_differ(fewest_patients(0.9), rng)
        limit, promised = quantile(strangeness(scores, truth, BEATS)[:, 0], owners, 0.9)
        assert promised
        found.append(coverage_of_patients(limit, *patients_who_differ(30, rng)))
    assert np.mean(found) >= 0.9


def test_with_too_few_patients_nothing_is_promised_and_the_limit_is_that_of_those_there() -> None:
    values, owners = np.linspace(0, 1, 800), np.arange(800) % 8
    limit, promised = quantile(values, owners, 0.9)
    assert not promised
    assert limit == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("coverage", "fewest"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_the_fewest_patients_of_a_promise(coverage: float, fewest: int) -> None:
    assert fewest_patients(coverage) == fewest
    assert quantile(np.arange(fewest, dtype=float), np.arange(fewest), coverage)[1]
    if fewest > 1:
        assert not quantile(np.arange(fewest - 1, dtype=float), np.arange(fewest - 1), coverage)[1]


def test_where_each_example_counts_the_limit_is_the_usual_rank() -> None:
    values = np.random.default_rng(2).random(199)
    limit, _ = quantile(values, np.arange(199), 0.9)
    assert (values <= limit).sum() == np.ceil(0.9 * 200)


def test_the_limit_lies_half_way_to_the_next_value() -> None:
    values = np.array([0.1, 0.2, 0.2, 0.4, 0.8])
    assert quantile(values, np.arange(5), 0.5)[0] == pytest.approx(0.3)
    assert quantile(values, np.zeros(5, int), 0.99)[0] == 0.8


def test_a_patient_of_many_beats_weighs_no_more_than_another() -> None:
    values = np.concatenate([np.full(1000, 0.9), np.full(19, 0.1)])
    owners = np.concatenate([np.zeros(1000, int), np.arange(1, 20)])
    assert quantile(values, owners, 0.9) == (0.5, True)


def test_a_set_holds_every_class_that_is_not_too_strange() -> None:
    calibration = Calibration(BEATS, "none", (1.0,) * 3, (0.0,) * 3, (0.5,) * 3, "highest", 0.9, (0.6,))
    sets = calibration.sets(np.array([[0.5, 0.45, 0.05], [0.95, 0.03, 0.02], [0.34, 0.33, 0.33]], np.float32))
    assert sets.tolist() == [[True, True, False], [True, False, False], [False, False, False]]
    truth = np.eye(3, dtype=bool)[[1, 1, 0]]
    assert covered(sets, truth)[:, 0].tolist() == [True, False, False]


def test_of_each_label_a_set_holds_presence_absence_or_both() -> None:
    calibration = Calibration(FINDINGS, "none", (1.0,) * 2, (0.0,) * 2, (0.5,) * 2, "highest", 0.9, (0.4, 0.7))
    sets = calibration.sets(np.array([[0.9, 0.5], [0.5, 0.1]], np.float32))
    assert sets.tolist() == [[[False, True], [True, True]], [[False, False], [True, False]]]
    assert covered(sets, np.array([[1, 0], [0, 1]], bool)).tolist() == [[True, True], [False, False]]


def test_the_sets_of_the_rows_that_fitted_them_hold_as_many_truths_as_asked() -> None:
    scores, truth, _ = patients_who_differ(40, np.random.default_rng(3))
    limit, _ = quantile(strangeness(scores, truth, BEATS)[:, 0], np.arange(len(scores)), 0.9)
    calibration = Calibration(BEATS, "none", (1.0,) * 3, (0.0,) * 3, (0.5,) * 3, "highest", 0.9, (limit,))
    assert covered(calibration.sets(scores), truth).mean() == pytest.approx(0.9, abs=2 / len(scores))
