"""The card: what it says where there is much to say, and where there is little."""

from dataclasses import replace

import pytest

from kerasmed.calibration import Calibration
from kerasmed.config.run import Evaluation
from kerasmed.evaluation.card import Earlier, render_card
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.report import Estimate
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

CLASSES = ("N", "S", "V", "F", "Q")
SPEC = ExampleSpec(
    {"signal": ArraySpec((None, 2), "int16", 1e-3, "mV", 250.0, ("II", "V5"))},
    {"label": TargetSpec("single_label", CLASSES)},
    {"kind": "beats"},
)
MANIFEST = {
    "name": "beats",
    "version": 3,
    "created": "2026-11-26T04:00:00+00:00",
    "num_parameters": 12_345,
    "versions": {"keras": "3.15.1"},
    "parity": {"reference": "the trained model in float32 on jax", "limit": 1e-4, "batch_sizes": [8, 3, 1]},
    "written": {"onnx": {"max_abs_difference": 3e-7, "batch": "free", "bytes": 1234}},
    "serving": {"not_held": ["finding R peaks"]},
    "source": {"run": "beats-c", "git": {"commit": "c0ffee", "changed": True}},
}


@pytest.fixture
def report(judged_from, confusion, protocol):
    return evaluate(judged_from(confusion), protocol, Evaluation(bootstrap=20), 0)


def with_macro_f1(report, value: float):
    return replace(report, metrics={**report.metrics, "macro_f1": Estimate(value)})


def changelog(card: str) -> list[str]:
    return card.split("## Changelog\n\n")[1].splitlines()


def test_it_says_first_that_it_is_for_research(report) -> None:
    card = render_card(MANIFEST, SPEC, report, {}, {})
    assert card.splitlines()[:3] == [
        "# beats, version 3", "", "> For research use. Not a medical device: not for diagnosis or treatment.",
    ]  # fmt: skip


def test_it_names_unit_rate_and_leads_of_every_input(report) -> None:
    card = render_card(MANIFEST, SPEC, report, {}, {})
    assert "| `signal` | free x 2 | mV | 250 Hz | II, V5 |" in card


def test_classes_with_few_examples_badges_and_notes_are_limits(report) -> None:
    limits = render_card(MANIFEST, SPEC, report, {}, {}).split("## Limits")[1].split("\n## ")[0]
    assert "among those judged: N (90), S (10), V (10), F (8), Q (2)." in limits
    assert all(badge in limits for badge in report.protocol.badges)
    assert all(note in limits for note in report.notes)


def test_what_a_serving_graph_cannot_hold_is_a_limit_and_so_is_that_there_is_none(report) -> None:
    assert "- The serving graph leaves to its caller: finding R peaks." in render_card(MANIFEST, SPEC, report, {}, {})
    none = {**MANIFEST, "serving": {"not_made": "rr=so_far goes from beat to beat"}}
    assert "- There is no serving graph: rr=so_far goes from beat to beat." in render_card(none, SPEC, report, {}, {})


def test_the_changelog_tells_the_change_against_the_version_before(report) -> None:
    earlier = [
        Earlier(1, "2026-11-01T00:00:00", "beats-a", with_macro_f1(report, 0.5)),
        Earlier(2, "2026-11-02T00:00:00", "beats-b", None, deleted="2026-11-03T00:00:00"),
    ]
    card = render_card(MANIFEST, SPEC, with_macro_f1(report, 0.625), {}, {}, earlier)
    assert changelog(card) == [
        "- **3** (2026-11-26, of run beats-c): Macro F1 0.625, +0.125 against the version before",
        "- **2** (2026-11-02, of run beats-b); deleted 2026-11-03",
        "- **1** (2026-11-01, of run beats-a): Macro F1 0.500",
    ]


def test_versions_that_were_judged_on_other_examples_are_not_compared(report) -> None:
    other = replace(report, judged={**report.judged, "digest": "other"})
    first = changelog(render_card(MANIFEST, SPEC, report, {}, {}, [Earlier(1, "2026-11-01", "a", other)]))[0]
    assert first.endswith(", judged on other examples than the version before")


def test_thresholds_that_decide_are_told(report) -> None:
    thresholds = (0.5, 0.25, 0.125, 0.3, 0.2)
    found = Calibration(SPEC.target, "temperature", (1.0,) * 5, (0.0,) * 5, thresholds, "thresholds", 0.9, (0.8,))
    card = render_card(MANIFEST, SPEC, report, {}, {"label": found})
    assert "calibrated (temperature). The answer is given by these thresholds" in card
    assert "| V | 0.125 |" in card


def test_a_model_that_nobody_judged_says_so(report) -> None:
    card = render_card({**MANIFEST, "source": {}}, SPEC, None, {}, {})
    assert "Nobody has judged it" in card
    assert "not calibrated; a score is no probability" in card
    assert changelog(card) == ["- **3** (2026-11-26)"]


def test_every_row_of_a_table_has_the_cells_of_its_head(report) -> None:
    card = render_card({**MANIFEST, "source": {"run": "a|b"}}, SPEC, report, {}, {})
    for block in card.split("\n\n"):
        lines = block.splitlines()
        if lines[0].startswith("| "):
            assert len({line.count("|") for line in lines}) == 1
