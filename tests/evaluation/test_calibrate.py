"""A calibration fitted on some simulated patients, and what it is worth on others."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax

from kerasmed.config.run import Calibrator, Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.errors import ContractError
from kerasmed.evaluation.calibrate import calibrate, calibrated, measure_claims
from kerasmed.evaluation.calibrated import measure_calibrated
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.judged import Judged, answers
from kerasmed.evaluation.page import render_page
from kerasmed.evaluation.report import Report
from kerasmed.evaluation.scaling import probabilities
from kerasmed.evaluation.summary import summary
from kerasmed.spec import TargetSpec

BEATS = TargetSpec("single_label", ("N", "S", "V"))
FINDINGS = TargetSpec("multi_label", ("AF", "AVB"))
QUICK = Evaluation(bootstrap=100)


def judged(target: TargetSpec, logits: np.ndarray, targets: np.ndarray, owners: np.ndarray) -> Judged:
    names = np.char.mod("p%03d", owners)
    ids = np.char.mod("e%05d", np.arange(len(owners)))
    return Judged(target, probabilities(logits, target), targets, names, names, ids, logits)


def overconfident(num_patients: int, seed: int) -> Judged:
    """Beats whose logits are twice as large as their chances warrant."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(num_patients), rng.integers(30, 120, num_patients))
    true = rng.normal(0, 1.5, (len(owners), 3)) + rng.normal(0, 0.5, (num_patients, 3))[owners] + [1.5, 0, 0]
    labels = (softmax(true, axis=1).cumsum(axis=1) < rng.random((len(owners), 1))).sum(axis=1)
    return judged(BEATS, (2.0 * true).astype(np.float32), np.minimum(labels, 2), owners)


def shifted_labels(num_patients: int, seed: int) -> Judged:
    """Several labels, each with a slope and an offset of its own."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(num_patients), 20)
    true = rng.normal(-0.5, 1.5, (len(owners), 2))
    targets = (rng.random(true.shape) < expit(true)).astype(np.int8)
    return judged(FINDINGS, (true * [3.0, 0.5] + [1.0, -1.0]).astype(np.float32), targets, owners)


@pytest.fixture(scope="module")
def held_out() -> Judged:
    return overconfident(200, seed=0)


@pytest.fixture(scope="module")
def test_rows() -> Judged:
    return overconfident(200, seed=1)


@pytest.mark.parametrize(("make", "method"), [(overconfident, "temperature"), (shifted_labels, "platt")])
def test_the_calibration_error_falls_on_other_patients(make, method) -> None:
    calibration, others = calibrate(make(200, seed=0), Calibrator()), make(200, seed=1)
    part = measure_calibrated(others, calibrated(others, calibration), calibration, QUICK, 0)
    assert calibration.method == method
    for claim in part["claims"].values():
        assert claim["after"]["value"] < claim["before"]["value"]
        assert claim["change"]["high"] < 0
    assert part["claims"]["ece"]["after"]["value"] < 0.02 < part["claims"]["ece"]["before"]["value"]


@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("make", [overconfident, shifted_labels])
def test_sets_hold_the_truth_of_other_patients_within_two_points(make, coverage: float) -> None:
    calibration, others = calibrate(make(300, seed=2), Calibrator(coverage=coverage)), make(300, seed=3)
    found = measure_calibrated(others, calibrated(others, calibration), calibration, QUICK, 0)["coverage_found"]
    assert found["requested"] == coverage
    for of in ("examples", "patients"):
        assert found[of]["value"] == pytest.approx(coverage, abs=0.02)
        assert found[of]["low"] < found[of]["value"] < found[of]["high"]


def test_the_temperature_is_in_the_facts(held_out) -> None:
    calibration = calibrate(held_out, Calibrator())
    assert calibration.facts["temperature"] == pytest.approx(2.0, rel=0.05)
    assert calibration.scale == (1 / calibration.facts["temperature"],) * 3


def test_the_highest_score_answers_unless_thresholds_are_asked_for(held_out, test_rows) -> None:
    highest, by_thresholds = (
        calibrated(test_rows, calibrate(held_out, Calibrator(decide=decide))) for decide in ("highest", "thresholds")
    )
    np.testing.assert_array_equal(highest.predicted, test_rows.predicted)
    assert highest.thresholds is None
    changed = by_thresholds.predicted != test_rows.predicted
    assert 0 < changed.mean() < 0.5


def test_a_report_judges_what_the_thresholds_answer(held_out, test_rows) -> None:
    by_thresholds = calibrated(test_rows, calibrate(held_out, Calibrator(decide="thresholds")))
    report = evaluate(by_thresholds, Protocol("toy", "A toy."), Evaluation(bootstrap=0), 0)
    assert report.metrics["accuracy"].value == (by_thresholds.predicted == by_thresholds.targets).mean()


def test_with_thresholds_the_highest_multiple_of_its_threshold_is_the_answer() -> None:
    scores = np.array([[0.6, 0.3, 0.1], [0.9, 0.05, 0.05]], np.float32)
    assert answers(scores, BEATS, (0.8, 0.2, 0.5)).tolist() == [1, 0]


def test_labels_are_given_by_their_own_thresholds() -> None:
    scores = np.array([[0.3, 0.3], [0.8, 0.8]], np.float32)
    assert answers(scores, FINDINGS, (0.25, 0.9)).tolist() == [[True, False], [True, False]]
    calibration = calibrate(shifted_labels(50, 0), Calibrator(rule="sensitivity", floor=0.9))
    found = calibrated(shifted_labels(50, 0), calibration)
    hit = (found.predicted & found.truth).sum(axis=0) / found.truth.sum(axis=0)
    assert (hit >= 0.9).all()


def test_without_a_method_scores_stay_and_sets_are_still_made(held_out) -> None:
    calibration = calibrate(held_out, Calibrator(method="none"))
    np.testing.assert_allclose(calibrated(held_out, calibration).scores, held_out.scores, atol=1e-6)
    assert calibration.facts["before"] == pytest.approx(calibration.facts["after"])
    assert 0 < calibration.quantiles[0] < 1


def test_a_calibration_comes_back_from_json_as_it_was(held_out) -> None:
    calibration = calibrate(held_out, Calibrator())
    again = type(calibration).from_json(json.loads(json.dumps(calibration.to_json(), allow_nan=False)))
    assert again == calibration


def test_the_facts_name_the_rows_by_digest_and_no_patient(held_out) -> None:
    calibration = calibrate(held_out, Calibrator())
    assert calibration.facts["fitted_on"] == {
        "examples": len(held_out), "patients": 200, "digest": held_out.fingerprint(),
    }  # fmt: skip
    assert not any(name in json.dumps(calibration.to_json()) for name in ("p000", "e00000"))


def test_a_logit_that_is_not_finite_is_refused(held_out) -> None:
    logits = held_out.logits.copy()
    logits[3, 0] = np.nan
    broken = replace(held_out, logits=logits, scores=probabilities(logits, BEATS))
    with pytest.raises(ContractError, match=r"1 of \d+ examples got a score that is not finite, e00003 first"):
        calibrate(broken, Calibrator())


def test_claims_are_those_of_the_definitions(test_rows) -> None:
    claims, report = measure_claims(test_rows), evaluate(test_rows, Protocol("toy", "A toy."), QUICK, 0)
    assert claims["ece"] == pytest.approx(report.metrics["ece"].value)
    assert claims["brier"] == pytest.approx(report.metrics["brier"].value)
    chance = softmax(test_rows.logits.astype(float), axis=1)[np.arange(len(test_rows)), test_rows.targets]
    assert claims["nll"] == pytest.approx(-np.log(chance).mean())


@pytest.fixture(scope="module")
def report(held_out, test_rows) -> Report:
    calibration = calibrate(held_out, Calibrator())
    after = calibrated(test_rows, calibration)
    part = measure_calibrated(test_rows, after, calibration, QUICK, 0)
    return evaluate(after, Protocol("toy", "A toy."), QUICK, 0, calibrated=part)


def test_the_report_with_its_calibration_comes_back_from_json(report) -> None:
    tree = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert Report.from_json(tree).to_json() == report.to_json()
    assert tree["metrics"]["ece"]["value"] == tree["calibrated"]["claims"]["ece"]["after"]["value"]


def test_coverage_is_told_by_class_too(report, test_rows) -> None:
    held = report.calibrated["coverage_found"]["classes"]
    support = np.bincount(test_rows.targets)
    mean = sum(held[name]["value"] * count for name, count in zip(BEATS.classes, support, strict=True)) / support.sum()
    assert mean == pytest.approx(report.calibrated["coverage_found"]["examples"]["value"])


def test_summary_and_page_tell_of_it(report) -> None:
    said, page = summary(report), render_page("toy", report, {}, {})
    for text in (said, page):
        assert "Calibrated by temperature 2." in text
        assert "Prediction sets of 90 % hold the truth of" in text
        assert "promise nothing" not in text
    assert "Truth in the prediction set" in page


@pytest.mark.parametrize(
    ("num_patients", "unit", "said"),
    [(5, "patient", "they were fitted on 5, and it takes 9"), (50, "example", "examples counted the same")],
)
def test_a_missing_promise_is_said(test_rows, num_patients, unit, said) -> None:
    calibration = calibrate(overconfident(num_patients, seed=4), Calibrator(unit=unit))
    after = calibrated(test_rows, calibration)
    part = measure_calibrated(test_rows, after, calibration, Evaluation(bootstrap=0), 0)
    report = evaluate(after, Protocol("toy", "A toy."), Evaluation(bootstrap=0), 0, calibrated=part)
    assert said in summary(report)
