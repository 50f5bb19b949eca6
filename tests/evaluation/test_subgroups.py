import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.page import render_page
from kerasmed.evaluation.report import Report
from kerasmed.evaluation.subgroups import group
from kerasmed.evaluation.summary import summary

RULES = Protocol("ptbxl_super", "PTB-XL.")
SETTINGS = Evaluation(bootstrap=30)


@pytest.fixture
def divided(multi_label):
    """400 records: ages of 100 people, of whom nobody knows ten, and a device that few have."""
    person = np.arange(400) // 4
    age = np.where(person < 10, np.nan, 20.0 + 0.8 * person)
    device = np.where(person < 5, "rare", "AT-6")
    return replace(multi_label, subgroups={"age": group(age, (40, 60, 80)), "device": group(device, ())})


def rows_of(judged, settings=SETTINGS):
    return evaluate(judged, RULES, settings, 0).subgroups


def test_numbers_fall_into_bands_whose_lower_edge_is_theirs() -> None:
    grouping = group(np.array([39.9, 40.0, 59.0, 60.0, 80.0, 300.0, np.nan]), (40, 60, 80))
    assert [grouping.names[member] for member in grouping.member] == [
        "< 40", "40 to 60", "40 to 60", "60 to 80", ">= 80", ">= 80", "unknown",
    ]  # fmt: skip


def test_words_are_groups_of_their_own_and_an_empty_one_is_unknown() -> None:
    grouping = group(np.array(["M", "F", "", "F"]), ())
    assert [grouping.names[member] for member in grouping.member] == ["M", "F", "unknown", "F"]


def test_integers_can_be_groups_and_bands() -> None:
    assert group(np.array([0, 1, 1]), ()).names == ("0", "1")
    assert group(np.array([30, 50]), (40,)).member.tolist() == [0, 1]


def test_every_group_is_counted_and_judged_alone(divided) -> None:
    (row,) = [row for row in rows_of(divided) if row["group"] == "60 to 80"]
    inside = divided.subgroups["age"].member == 2
    expected = metrics.roc_auc_score(divided.targets[inside], divided.scores[inside])
    assert row["metrics"]["macro_auc"]["value"] == expected
    assert row["metrics"]["macro_auc"]["low"] < expected < row["metrics"]["macro_auc"]["high"]
    assert (row["examples"], row["patients"]) == (inside.sum(), inside.sum() // 4)


def test_groups_come_in_their_own_order_and_hold_everyone(divided) -> None:
    rows = [row for row in rows_of(divided) if row["by"] == "age"]
    assert [row["group"] for row in rows] == ["< 40", "40 to 60", "60 to 80", ">= 80", "unknown"]
    assert sum(row["examples"] for row in rows) == 400


def test_a_group_that_is_too_small_is_left_out_and_says_so(divided) -> None:
    (row,) = [row for row in rows_of(divided) if row["group"] == "rare"]
    assert row == {
        "by": "device", "group": "rare", "examples": 20, "patients": 5, "left_out": "fewer than 20 patients",
    }  # fmt: skip


def test_subgroups_are_in_text_page_and_json(divided) -> None:
    report = evaluate(divided, RULES, SETTINGS, 0)
    text = summary(Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))))
    (line,) = [line for line in text.splitlines() if line.startswith("device  rare")]
    assert line.endswith("left out: fewer than 20 patients")
    assert "left out: fewer than 20 patients" in render_page("run", report, {}, {})


def test_a_report_without_subgroups_does_not_speak_of_them(multi_label) -> None:
    report = evaluate(multi_label, RULES, SETTINGS, 0)
    assert report.subgroups == []
    assert "Subgroups" not in summary(report) + render_page("run", report, {}, {})
