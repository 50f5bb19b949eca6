from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from kerasmed.config.run import Evaluation
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.fixed_rates import measure_fixed_rates
from kerasmed.evaluation.judged import Judged, constant_answer
from kerasmed.evaluation.report import Report
from kerasmed.evaluation.summary import summary
from kerasmed.spec import TargetSpec

TWO = TargetSpec("single_label", ("NORMAL", "PNEUMONIA"))
NO_RESAMPLES = Evaluation(bootstrap=0, fixed_rates=(0.5, 0.75))


def two_classes(positive_scores: list[float], negative_scores: list[float]) -> Judged:
    """A picture a patient."""
    scores = np.array([*positive_scores, *negative_scores], np.float32)
    targets = np.repeat([1, 0], [len(positive_scores), len(negative_scores)])
    names = np.char.mod("p%03d", np.arange(len(scores)))
    return Judged(TWO, np.stack([1 - scores, scores], axis=1), targets, names, names, names)


def rates(judged: Judged, settings: Evaluation = NO_RESAMPLES) -> dict:
    rows = measure_fixed_rates(judged, settings, 0)
    return {(row["fixed"], row["level"]): (row["value"], row["threshold"]) for row in rows}


def test_rates_by_hand() -> None:
    found = rates(two_classes([0.9, 0.8, 0.6, 0.2], [0.7, 0.5, 0.3, 0.1]))
    assert found["specificity", 0.75] == (0.75, pytest.approx(0.6))
    assert found["specificity", 0.5] == (0.75, pytest.approx(0.6))
    assert found["sensitivity", 0.75] == (0.75, pytest.approx(0.6))
    assert found["sensitivity", 0.5] == (1.0, pytest.approx(0.8))


def test_a_level_that_only_no_answer_reaches_gives_no_sensitivity_and_no_threshold() -> None:
    assert rates(two_classes([0.5, 0.4], [0.9, 0.8]))["specificity", 0.75] == (0.0, None)


def test_equal_scores_are_called_together() -> None:
    found = rates(two_classes([0.5, 0.5], [0.5, 0.1]))
    assert found["specificity", 0.75] == (0.0, None)
    assert found["specificity", 0.5] == (1.0, 0.5)


def test_rates_are_those_of_scikit_learns_curve(simulated: Judged) -> None:
    rows = measure_fixed_rates(simulated, Evaluation(bootstrap=0), 0)
    assert len(rows) == 5 * 2 * 2
    for row in rows:
        place = simulated.target.classes.index(row["class"])
        fpr, tpr, _ = roc_curve(simulated.truth[:, place], simulated.scores[:, place], drop_intermediate=False)
        if row["fixed"] == "specificity":
            assert row["value"] == pytest.approx(tpr[1 - fpr >= row["level"]].max())
        else:
            assert row["value"] == pytest.approx(1 - fpr[tpr >= row["level"]].min())


def test_a_threshold_gives_what_its_row_tells(simulated: Judged) -> None:
    for row in measure_fixed_rates(simulated, Evaluation(bootstrap=0), 0):
        place = simulated.target.classes.index(row["class"])
        called, truth = simulated.scores[:, place] >= row["threshold"], simulated.truth[:, place]
        share = {"sensitivity": called[truth].mean(), "specificity": (~called)[~truth].mean()}
        assert share[row["told"]] == pytest.approx(row["value"])
        assert share[row["fixed"]] >= row["level"]


def test_rates_have_intervals_by_patient(simulated: Judged) -> None:
    for row in measure_fixed_rates(simulated, Evaluation(bootstrap=50), 0):
        assert row["low"] <= row["value"] <= row["high"]


def test_a_class_that_does_not_occur_has_a_reason() -> None:
    (row, *_) = measure_fixed_rates(two_classes([], [0.2, 0.3]), NO_RESAMPLES, 0)
    assert (row["value"], row["threshold"]) == (None, None)
    assert row["reason"] == "needs examples inside and outside the class"


def test_always_the_same_answer_is_worth_the_share_of_the_most_frequent_class(simulated: Judged) -> None:
    found = constant_answer(simulated)
    assert found["answer"] == "N"
    assert found["accuracy"] == (simulated.targets == 0).mean()


def test_of_several_labels_the_most_frequent_set_is_always_answered(multi_label: Judged) -> None:
    sets, counts = np.unique(multi_label.targets, axis=0, return_counts=True)
    assert sets[counts.argmax()].tolist() == [1, 0, 0]
    assert constant_answer(multi_label) == {"answer": "MI", "accuracy": counts.max() / 400}


def test_the_baseline_stands_beside_accuracy_and_the_rates_below_it(judged_from, protocol) -> None:
    judged = judged_from(np.array([[50, 10], [5, 35]]), target=TWO)
    report = evaluate(judged, replace(protocol, macro_classes=(), published=()), Evaluation(bootstrap=20), 0)
    lines = summary(report).splitlines()
    assert next(line for line in lines if line.startswith("Accuracy")).endswith("always NORMAL: 60.0 %")
    assert any(line.startswith("Sensitivity at 95 % specificity  0.0 %") for line in lines)
    assert "from a score of 0.200" in next(line for line in lines if line.startswith("Specificity at 90 %"))
    assert Report.from_json(report.to_json()) == report
