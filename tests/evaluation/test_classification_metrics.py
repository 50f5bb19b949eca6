import time

import numpy as np
import pytest
from sklearn import metrics

from kerasmed.evaluation.classification import kappa, measure_epoch
from kerasmed.spec import TargetSpec

MACRO = ("N", "S", "V", "F")


def test_metrics_of_a_table_are_those_worked_out_by_hand(confusion, judged_from) -> None:
    judged = judged_from(confusion)
    measured = measure_epoch(judged.scores, judged.targets, judged.target, MACRO)
    j_index = 6 / 10 + 7 / 10 + 6 / 13 + 7 / 17
    by_hand = {
        "accuracy": 96 / 120,
        "balanced_accuracy": (80 / 90 + 6 / 10 + 7 / 10 + 3 / 8) / 4,
        "macro_f1": (160 / 174 + 12 / 23 + 14 / 27 + 6 / 13) / 4,
        "kappa": (0.8 - 7902 / 14400) / (1 - 7902 / 14400),
        "j_index": j_index,
        "j_kappa": (0.8 - 0.54875) / 0.45125 / 2 + j_index / 8,
        # every answer claims 0.8 and 0.8 of them are right
        "ece": 0.0,
        # right: 0.2^2 + 4 * 0.05^2; wrong: 0.8^2 + 0.95^2 + 3 * 0.05^2
        "brier": 0.8 * 0.05 + 0.2 * 1.55,
    }
    assert {name: measured[name] for name in by_hand} == pytest.approx(by_hand, abs=1e-6)


def test_metrics_of_beats_agree_with_scikit_learn(simulated) -> None:
    measured = measure_epoch(simulated.scores, simulated.targets, simulated.target, ())
    truth, predicted = simulated.targets, simulated.scores.argmax(1)
    reference = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "macro_f1": metrics.f1_score(truth, predicted, average="macro"),
        "kappa": metrics.cohen_kappa_score(truth, predicted),
        "macro_auc": metrics.roc_auc_score(np.eye(5)[truth], simulated.scores, average="macro"),
        "macro_ap": metrics.average_precision_score(np.eye(5)[truth], simulated.scores, average="macro"),
        "brier": np.square(simulated.scores - np.eye(5)[truth]).sum(1).mean(),
    }
    assert {name: measured[name] for name in reference} == pytest.approx(reference, abs=1e-6)


def test_metrics_of_several_labels_agree_with_scikit_learn(multi_label) -> None:
    measured = measure_epoch(multi_label.scores, multi_label.targets, multi_label.target, ())
    predicted = multi_label.scores >= 0.5
    reference = {
        "exact_match": metrics.accuracy_score(multi_label.targets, predicted),
        "macro_f1": metrics.f1_score(multi_label.targets, predicted, average="macro"),
        "macro_auc": metrics.roc_auc_score(multi_label.targets, multi_label.scores),
        "macro_ap": metrics.average_precision_score(multi_label.targets, multi_label.scores),
    }
    assert {name: measured[name] for name in reference} == pytest.approx(reference, abs=1e-6)
    assert measured["macro_auc"] == reference["macro_auc"]  # to the last bit
    assert set(measured) == {*reference, "macro_f_max", "ece", "brier"}


def test_macro_auc_runs_over_the_labels_with_examples_on_both_sides(multi_label) -> None:
    targets = multi_label.targets.copy()
    targets[:, 0], targets[:, 1] = 1, 0
    measured = measure_epoch(multi_label.scores, targets, multi_label.target, ())
    assert measured["macro_auc"] == metrics.roc_auc_score(targets[:, 2], multi_label.scores[:, 2])


def test_macro_averages_run_over_the_protocols_classes_alone(confusion, judged_from) -> None:
    judged = judged_from(confusion)
    over_four = measure_epoch(judged.scores, judged.targets, judged.target, MACRO)["macro_f1"]
    over_five = measure_epoch(judged.scores, judged.targets, judged.target, ())["macro_f1"]
    assert over_five == pytest.approx(over_four * 4 / 5)  # Q occurs and is never hit: its F1 is 0


def test_a_class_absent_from_the_truth_is_left_out_of_macro_averages(confusion, judged_from) -> None:
    confusion[3] = 0
    judged = judged_from(confusion)
    measured = measure_epoch(judged.scores, judged.targets, judged.target, MACRO)
    assert measured["balanced_accuracy"] == pytest.approx((80 / 90 + 6 / 10 + 7 / 10) / 3)


def test_a_constant_predictor_has_no_skill(judged_from) -> None:
    always_n = np.zeros((5, 5), int)
    always_n[:, 0] = (90, 4, 3, 2, 1)
    judged = judged_from(always_n)
    measured = measure_epoch(judged.scores, judged.targets, judged.target, MACRO)
    assert measured["accuracy"] == 0.9
    assert measured["kappa"] == pytest.approx(0)
    assert measured["macro_auc"] == 0.5
    assert measured["j_index"] == 0
    assert np.isnan(measured["veb_ppv"])


def test_kappa_of_one_class_alone_is_undefined() -> None:
    assert np.isnan(kappa(np.array([[7.0, 0.0], [0.0, 0.0]])))


def test_j_is_undefined_without_supraventricular_beats(confusion, judged_from) -> None:
    confusion[1] = 0
    judged = judged_from(confusion)
    assert np.isnan(measure_epoch(judged.scores, judged.targets, judged.target, MACRO)["j_kappa"])


def test_two_classes_have_an_auc_of_their_own() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], np.float32)
    measured = measure_epoch(scores, np.array([0, 0, 1, 1]), TargetSpec("single_label", ("healthy", "ill")), ())
    assert measured["auc"] == 0.75
    assert "j_kappa" not in measured


def test_an_epoch_with_a_score_that_is_not_finite_has_no_metric(simulated) -> None:
    scores = simulated.scores.copy()
    scores[5, 2] = np.nan
    assert all(np.isnan(value) for value in measure_epoch(scores, simulated.targets, simulated.target, MACRO).values())


def test_metrics_of_an_epoch_of_50000_beats_take_less_than_300_ms() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.dirichlet(np.ones(5), 50_000).astype(np.float32), rng.integers(5, size=50_000)
    began = time.process_time()
    measure_epoch(scores, targets, TargetSpec("single_label", ("N", "S", "V", "F", "Q")), MACRO)
    assert time.process_time() - began < 0.3
