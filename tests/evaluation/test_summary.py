import pytest

from kerasmed.config.run import Evaluation
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.summary import summary

SETTINGS = Evaluation(bootstrap=20)


@pytest.fixture
def report(simulated, protocol):
    return evaluate(simulated, protocol, SETTINGS, 0)


def test_a_summary_gives_every_metric_with_its_interval(report) -> None:
    text = summary(report)
    for name, estimate in report.metrics.items():
        (line,) = [line for line in text.splitlines() if line.startswith(METRICS[name].label + "  ")]
        assert line.count(" - ") == 1, estimate


def test_a_summary_has_a_line_for_each_class(report) -> None:
    starts = [line.split()[0] for line in summary(report).splitlines() if line]
    assert [name for name in starts if name in "NSVFQ"] == list("NSVFQ")


def test_a_summary_opens_with_the_warnings(report) -> None:
    assert summary(report).splitlines()[1] == "WARNING: records 201 and 202 are of one person"


def test_a_summary_names_the_best_published_result(report) -> None:
    (line,) = [line for line in summary(report).splitlines() if line.startswith("j-kappa ")]
    assert line.endswith("best published 0.649, Mar 2011")


def test_a_value_that_is_undefined_is_called_so(judged_from, confusion, protocol) -> None:
    confusion[3] = 0
    text = summary(evaluate(judged_from(confusion), protocol, SETTINGS, 0))
    (line,) = [line for line in text.splitlines() if line.startswith("F ")]
    assert line.count("undefined") == 4  # all but the predictive value
