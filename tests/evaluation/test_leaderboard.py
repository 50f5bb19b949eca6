import json

import pytest

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol, Published
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.leaderboard import in_brackets, make_leaderboard
from kerasmed.evaluation.page import render_page
from kerasmed.evaluation.report import Estimate, Report
from kerasmed.evaluation.summary import summary

WORKS = (
    Published("Wavelet+NN", {"macro_auc": 0.1}, "README", deviations={"macro_auc": 0.007}),
    Published("resnet1d_wang", {"macro_auc": 0.99}, "README", deviations={"macro_auc": 0.005}),
)
RULES = Protocol("ptbxl_super", "PTB-XL.", published=WORKS)


@pytest.fixture
def report(multi_label):
    return evaluate(multi_label, RULES, Evaluation(bootstrap=40, confidence=0.9), 0)


def test_the_row_of_a_model_is_written_as_the_benchmark_writes_its_own() -> None:
    board = make_leaderboard(RULES, {"macro_auc": Estimate(0.9299, 0.9241, 0.9351)}, 0.9)
    (ours,) = [row for row in board["rows"] if row["ours"]]
    assert ours["shown"] == "0.930(05)"  # the farther end is 0.0058 away; the benchmark cuts


@pytest.mark.parametrize(
    ("value", "deviation", "shown"), [(0.93, None, "0.930"), (0.93, 0.0, "0.930(00)"), (0.874, 0.007, "0.874(07)")]
)
def test_a_deviation_stands_in_brackets_in_the_last_digits(value, deviation, shown) -> None:
    assert in_brackets(value, deviation) == shown


def test_a_model_stands_among_the_published_results_in_their_order(report) -> None:
    assert report.leaderboard["metric"] == "macro_auc"
    rows = report.leaderboard["rows"]
    assert [row["work"] for row in rows] == ["resnet1d_wang", "this model", "Wavelet+NN"]
    assert [row["place"] for row in rows] == [1, 2, 3]
    assert rows[1]["value"] == report.metrics["macro_auc"].value


def test_the_protocol_names_the_metric_that_orders(simulated) -> None:
    works = (Published("a", {"accuracy": 0.5, "j_kappa": 0.6}, "s"), Published("b", {"accuracy": 0.6}, "s"))
    by_count = evaluate(simulated, Protocol("p", "P.", published=works), Evaluation(bootstrap=0), 0)
    named = evaluate(simulated, Protocol("p", "P.", published=works, ranked_by="j_kappa"), Evaluation(bootstrap=0), 0)
    assert by_count.leaderboard["metric"] == "accuracy"
    assert [row["work"] for row in named.leaderboard["rows"]] in (["a", "this model"], ["this model", "a"])


def test_there_is_no_leaderboard_where_nobody_published(multi_label) -> None:
    report = evaluate(multi_label, Protocol("p", "P."), Evaluation(bootstrap=0), 0)
    assert report.leaderboard is None
    assert "Leaderboard" not in summary(report)


def test_the_leaderboard_is_in_the_text_and_comes_back_from_json(report) -> None:
    lines = summary(report).splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("Leaderboard by Macro AUC")]
    assert lines[first + 1].split() == ["1.", "0.990(05)", "resnet1d_wang"]
    assert lines[first + 2].endswith("this model <--")
    again = Report.from_json(json.loads(json.dumps(report.to_json())))
    assert summary(again) == summary(report)


def test_the_page_shows_the_works_in_the_order_of_the_leaderboard(report) -> None:
    page = render_page("run", report, {}, {})
    places = [page.index(word) for word in ("1. 0.990(05)", "<b>This model</b>", "3. 0.100(07)")]
    assert places == sorted(places)


def test_two_works_of_one_name_are_both_shown(multi_label) -> None:
    works = tuple(Published("twin", {"macro_auc": value}, "README") for value in (0.2, 0.4))
    report = evaluate(multi_label, Protocol("p", "P.", published=works), Evaluation(bootstrap=0), 0)
    assert render_page("run", report, {}, {}).count("<td>twin</td>") == 2
