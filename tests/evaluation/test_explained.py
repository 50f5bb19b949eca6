from dataclasses import replace

import numpy as np
import pytest

from kerasmed.evaluation.explained import Case, case_title, cases_to_explain, show_cases, slice_to_show
from kerasmed.evaluation.judged import best_rows, describe_rows
from kerasmed.spec import ArraySpec
from tests.fakes.scored_runs import judged_pictures

SIGNAL = ArraySpec((50, 2), "int16", 1e-3, "mV", 100.0, ("I", "II"))
PICTURE = ArraySpec((12, 10, 1), "uint8", 1 / 255, channels=("grey",))
VOLUME = ArraySpec((3, 12, 10, 1), "int16", channels=("ct",))


def test_the_best_answers_are_right_and_of_each_class_in_turn() -> None:
    judged = judged_pictures(3.0, 0)
    rows = best_rows(judged, 4)
    assert judged.predicted[rows].tolist() == judged.targets[rows].tolist()
    assert sorted(judged.targets[rows][:2]) == sorted(judged.targets[rows][2:]) == [0, 1]
    of_one = rows[judged.targets[rows] == 1]
    right = (judged.predicted == 1) & (judged.targets == 1)
    assert judged.scores[of_one[0], 1] == judged.scores[right, 1].max()


def test_what_is_explained_is_the_answer() -> None:
    judged = judged_pictures(1.0, 0)
    rows, classes = cases_to_explain(judged, 3)
    assert classes.tolist() == judged.predicted[rows].tolist()
    assert (judged.predicted[rows] == judged.targets[rows]).tolist() == [False] * 3 + [True] * 3


def test_of_several_labels_the_one_that_is_farthest_from_the_truth_is_explained(multi_label) -> None:
    rows, classes = cases_to_explain(multi_label, 3)
    off = np.abs(multi_label.scores - multi_label.truth)
    assert classes[:3].tolist() == off[rows[:3]].argmax(axis=1).tolist()


def test_a_model_that_is_never_wrong_has_best_answers_alone() -> None:
    judged = judged_pictures(1.0, 0)
    perfect = replace(judged, scores=np.eye(2, dtype=np.float32)[judged.targets])
    assert len(cases_to_explain(perfect, 3)[0]) == 3


@pytest.mark.parametrize("array", [SIGNAL, PICTURE, VOLUME], ids=["signal", "picture", "volume"])
@pytest.mark.parametrize("count", [1, 4])
def test_cases_are_drawn(array: ArraySpec, count: int, tmp_path) -> None:
    values = np.random.default_rng(0).random((count, *array.shape)).astype(np.float32)
    cases = [Case(f"case $x$ {number}", each, each.mean(axis=-1)) for number, each in enumerate(values)]
    show_cases(cases, array, tmp_path / "cam.png", "Grad-CAM")
    assert (tmp_path / "cam.png").read_bytes().startswith(b"\x89PNG")


def test_a_title_names_the_class_that_is_shown_where_it_is_not_the_answer() -> None:
    judged = judged_pictures(1.0, 0)
    (row,) = describe_rows(judged, [0])
    assert "shown" not in case_title(row, row["predicted"])
    other = "NORMAL" if row["predicted"] == "PNEUMONIA" else "PNEUMONIA"
    assert f"shown {other}" in case_title(row, other)


def test_of_a_volume_the_slice_with_most_of_the_map_is_shown_and_the_middle_one_without_a_map():
    shown = np.zeros((5, 2, 2))
    assert slice_to_show(shown) == 2
    shown[4, 0, 0] = 0.5
    assert slice_to_show(shown) == 4
