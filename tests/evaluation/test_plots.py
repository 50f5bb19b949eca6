import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.history import show_history
from kerasmed.evaluation.plots import show_report
from kerasmed.evaluation.worst import show_worst

SETTINGS = Evaluation(bootstrap=0)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height, from the head of a PNG."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def test_a_report_of_beats_has_five_pictures(simulated, protocol, tmp_path) -> None:
    paths = show_report(evaluate(simulated, protocol, SETTINGS, 0), simulated, tmp_path / "plots")
    assert [path.name for path in paths.values()] == [
        "confusion.png",
        "reliability.png",
        "roc.png",
        "precision_and_recall.png",
        "sensitivity_by_record.png",
    ]
    assert all(min(size_of(path)) > 300 for path in paths.values())


def test_records_of_one_example_each_have_no_picture_by_record(multi_label, tmp_path) -> None:
    paths = show_report(evaluate(multi_label, Protocol("ptbxl", "PTB-XL."), SETTINGS, 0), multi_label, tmp_path)
    assert list(paths) == ["Confusion", "Reliability", "ROC", "Precision and recall"]
    assert set(tmp_path.iterdir()) == set(paths.values())


def test_a_class_absent_from_the_truth_is_no_obstacle(judged_from, confusion, protocol, tmp_path) -> None:
    confusion[3:] = 0
    judged = judged_from(confusion)
    assert len(show_report(evaluate(judged, protocol, SETTINGS, 0), judged, tmp_path)) == 5


def test_one_class_alone_is_no_obstacle(judged_from, confusion, protocol, tmp_path) -> None:
    confusion[1:] = 0
    judged = judged_from(confusion)
    assert len(show_report(evaluate(judged, protocol, SETTINGS, 0), judged, tmp_path)) == 5


@pytest.mark.parametrize("columns", ["loss", "loss val_loss", "loss val_loss val_macro_f1 learning_rate"])
def test_a_history_is_drawn_with_what_it_has(columns, tmp_path) -> None:
    rows = [{"epoch": epoch} | dict.fromkeys(columns.split(), 1.0 / epoch) for epoch in (1, 2, 3)]
    rows[1] |= {"val_loss": None, "val_macro_f1": float("nan")}
    show_history(rows, tmp_path / "history.png")
    assert size_of(tmp_path / "history.png")[1] > 250


@pytest.mark.parametrize("count", [1, 5, 12])
def test_the_worst_answers_are_drawn_with_their_signals(count, simulated, protocol, tmp_path) -> None:
    worst = evaluate(simulated, protocol, SETTINGS, 0).worst[:count]
    show_worst(worst, np.zeros((count, 200, 2)), 250.0, ("MLII", "V1"), tmp_path / "worst.png")
    assert size_of(tmp_path / "worst.png")[0] > 300


def test_a_name_with_dollars_is_drawn_as_it_is(simulated, protocol, tmp_path) -> None:
    """What matplotlib takes for a formula, and a broken one, ends the drawing."""
    target = replace(simulated.target, classes=("$N_{$", "S", "V", "F", "Q"))
    odd = np.char.add("$x_{$", simulated.ids), np.char.add("$r_{$", simulated.groups)
    judged = replace(simulated, target=target, ids=odd[0], groups=odd[1])
    report = evaluate(judged, replace(protocol, macro_classes=()), SETTINGS, 0)
    show_worst(report.worst, np.zeros((12, 200, 1)), 250.0, ("$ML_{$",), tmp_path / "worst.png", unit="1")
    assert len(show_report(report, judged, tmp_path)) == 5


def test_drawing_leaves_pyplot_alone_and_judging_needs_no_matplotlib() -> None:
    code = (
        "import sys, kerasmed.evaluation.evaluate, kerasmed.evaluation.page, kerasmed.evaluation.summary\n"
        "assert not {'matplotlib', 'sklearn', 'keras'} & set(sys.modules)\n"
        "import kerasmed.evaluation.plots, kerasmed.evaluation.history, kerasmed.evaluation.worst\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_worst_pictures_are_drawn(tmp_path):
    from kerasmed.evaluation.worst import show_worst_pictures

    worst = [{"id": f"p{n}", "label": "$a", "predicted": "b", "scores": {"$a": 0.1, "b": 0.9}} for n in range(5)]
    show_worst_pictures(worst, np.random.default_rng(0).random((5, 16, 12, 1)), tmp_path / "worst.png")
    assert (tmp_path / "worst.png").read_bytes().startswith(b"\x89PNG")
