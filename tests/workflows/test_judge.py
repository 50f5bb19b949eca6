import math

import numpy as np
import pytest

from kerasmed.data.dataset import Protocol
from kerasmed.spec import ExampleSpec, TargetSpec
from kerasmed.workflows.judge import measure_logits, probabilities

LABEL, FINDING = TargetSpec("single_label", ("N", "S", "V")), TargetSpec("multi_label", ("AF", "AVB"))
LOGITS = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0], [4.0, 0.0, 0.0]], np.float32)


def measured(logits: dict[str, np.ndarray], targets: dict[str, np.ndarray], **specs: TargetSpec) -> dict[str, float]:
    return measure_logits(ExampleSpec({}, specs), Protocol("toy", "A toy."))(logits, targets)


def test_scores_of_one_class_sum_to_one_and_those_of_several_labels_do_not() -> None:
    assert probabilities(LOGITS, LABEL).sum(axis=1) == pytest.approx(1)
    assert probabilities(np.zeros((1, 2), np.float32), FINDING).tolist() == [[0.5, 0.5]]


def test_large_logits_are_no_overflow() -> None:
    assert probabilities(np.array([[1e4, -1e4, 0]], np.float32), LABEL).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("target", [TargetSpec("single_label", ("N", "S")), FINDING], ids=lambda target: target.task)
def test_a_logit_that_is_not_finite_gives_its_row_no_score(target: TargetSpec) -> None:
    logits = np.array([[np.inf, 0], [-np.inf, 0], [np.nan, 0], [1, 0]], np.float32)
    assert np.isnan(probabilities(logits, target)).all(axis=1).tolist() == [True, True, True, False]


def test_the_metrics_of_an_epoch_have_plain_names() -> None:
    found = measured({"label": LOGITS}, {"label": np.array([0, 1, 2, 0])}, label=LABEL)
    assert (found["accuracy"], found["macro_f1"]) == (1.0, 1.0)


def test_the_names_carry_the_target_where_there_are_several() -> None:
    logits, targets = {"label": LOGITS, "other": LOGITS}, {"label": np.array([0, 1, 2, 0]), "other": np.zeros(4, int)}
    found = measured(logits, targets, label=LABEL, other=LABEL)
    assert (found["label_accuracy"], found["other_accuracy"]) == (1.0, 0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_logit_that_is_not_finite_leaves_no_metric(bad: float) -> None:
    logits = LOGITS.copy()
    logits[1, 2] = bad
    found = measured({"label": logits}, {"label": np.array([0, 1, 2, 0])}, label=LABEL)
    assert "accuracy" in found
    assert all(math.isnan(value) for value in found.values())
