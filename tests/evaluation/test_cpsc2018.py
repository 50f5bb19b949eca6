import numpy as np
import pytest

from kerasmed.config.run import Evaluation
from kerasmed.data.cpsc_labels import CLASSES
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.cpsc2018 import count_answers, measure_cpsc2018, score_answers
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.summary import summary
from kerasmed.spec import TargetSpec

PROTOCOL = Protocol("cpsc2018", "Ten folds.", challenge="cpsc2018")
SETTINGS = Evaluation(bootstrap=50)


def drawn(num_records=600, seed=0):
    """Scores, all labels and first labels of records that have one to three labels."""
    rng = np.random.default_rng(seed)
    labels = [rng.permutation(9)[: rng.integers(1, 4)] for _ in range(num_records)]
    truth = np.array([np.isin(np.arange(9), each) for each in labels])
    scores = np.clip(0.5 * truth + 0.6 * rng.random(truth.shape), 0, 1).astype(np.float32)
    return scores, truth, np.array([each[0] for each in labels])


def judged_of(scores, truth, first=None):
    names = np.char.mod("A%04d", np.arange(len(scores)))
    return Judged(TargetSpec("multi_label", CLASSES), scores, truth.astype(np.int8), names, names, names, first=first)


def by_the_rule(scores, truth, first):
    """The rule of the challenge, record by record and class by class."""
    table = np.zeros((9, 9))
    for row, labels, named_first in zip(scores, truth, first, strict=True):
        answer = int(row.argmax())
        table[answer if labels[answer] else named_first, answer] += 1

    def f1(*places):
        hits = sum(table[place, place] for place in places)
        return 2 * hits / sum(table[place].sum() + table[:, place].sum() for place in places)

    sub_scores = {"cpsc_f_af": f1(1), "cpsc_f_block": f1(2, 3, 4), "cpsc_f_pc": f1(5, 6), "cpsc_f_st": f1(7, 8)}
    return {"cpsc_f1": sum(f1(place) for place in range(9)) / 9, **sub_scores}


def test_the_score_is_that_of_the_challenge():
    scores, truth, first = drawn()
    measured = measure_cpsc2018(judged_of(scores, truth, first), SETTINGS, seed=0)
    expected = by_the_rule(scores, truth, first)
    assert {name: estimate.value for name, estimate in measured.items()} == pytest.approx(expected)


def test_any_label_is_right_and_a_wrong_answer_counts_against_the_first():
    truth = np.zeros((2, 9), bool)
    truth[:, [4, 7]] = True
    scores = np.eye(9)[[7, 0]]
    assert count_answers(scores, truth, np.array([4, 4])).tolist() == [7 * 9 + 7, 4 * 9 + 0]


def test_a_published_row_of_nine_averages_to_its_score():
    nine = [0.721, 0.887, 0.813, 0.876, 0.778, 0.707, 0.694, 0.729, 0.525]
    counts = np.diag(nine)
    row = score_answers(counts + np.diag(2 - 2 * np.array(nine)) @ np.eye(9)[[1, 2, 3, 4, 5, 6, 7, 8, 0]])
    assert np.mean(nine) == pytest.approx(0.748, abs=5e-4)
    assert set(row) == {"cpsc_f1", "cpsc_f_af", "cpsc_f_block", "cpsc_f_pc", "cpsc_f_st"}


def test_a_class_that_neither_occurs_nor_is_answered_leaves_no_score():
    scores, truth, first = drawn(400)
    keep = (first != 8) & ~truth[:, 8]
    scores[:, 8] = 0
    measured = measure_cpsc2018(judged_of(scores[keep], truth[keep], first[keep]), SETTINGS, seed=0)
    assert measured["cpsc_f1"].value is None
    assert measured["cpsc_f1"].reason == "a class neither occurs nor is answered"
    assert measured["cpsc_f_af"].value is not None


def test_where_the_first_label_is_unknown_the_first_class_stands_in():
    scores, truth, _ = drawn()
    measured = measure_cpsc2018(judged_of(scores, truth), SETTINGS, seed=0)
    assert measured["cpsc_f1"].value == pytest.approx(by_the_rule(scores, truth, truth.argmax(axis=1))["cpsc_f1"])


def test_a_report_has_the_score_where_the_protocol_asks_for_it():
    judged = judged_of(*drawn())
    report = evaluate(judged, PROTOCOL, SETTINGS, seed=0)
    estimate = report.metrics["cpsc_f1"]
    assert estimate.low < estimate.value < estimate.high
    assert "CPSC2018 score" in summary(report)
    assert "cpsc_f1" not in evaluate(judged, Protocol("other", "Another."), SETTINGS, seed=0).metrics
