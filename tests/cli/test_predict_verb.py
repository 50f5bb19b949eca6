import csv
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.small_runs import TrainedRun, copied


@pytest.fixture
def predict(kerasmed, trained: TrainedRun):
    return lambda *words: kerasmed("predict", trained.folder, *words)


@pytest.fixture
def record(trained: TrainedRun) -> Path:
    return trained.places.data / "ecg" / "S002.hea"


def test_a_summary_is_told_and_a_table_and_marks_are_written(predict, record):
    ended = predict(record, "--out", "told")
    rows = list(csv.DictReader(Path("told/S002.csv").read_text().splitlines()))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("S002, 01:00.000 long. Model small-")
    assert f"Beats: {len(rows)}" in ended.out
    assert ended.out.endswith("files in told\n")
    assert sorted(path.name for path in Path("told").iterdir()) == ["S002.csv", "S002.pred"]


def test_with_json_only_json_is_on_stdout(predict, record):
    tree = predict(record, record.with_name("S003.hea"), "--json").tree
    assert [prediction["name"] for prediction in tree["predictions"]] == ["S002", "S003"]
    assert tree["files"]["S003"] == ["predictions/S003.csv", "predictions/S003.pred"]
    assert tree["failed"] == {}


def test_a_bad_record_of_a_folder_is_told_and_the_others_predicted(predict, trained, tmp_path):
    folder = copied(trained.places.data, tmp_path / "data") / "ecg"
    for left_out in ("S004", "S005", "S006", "S007", "S008"):
        (folder / f"{left_out}.hea").unlink()
    (folder / "S001.dat").write_bytes(b"")
    ended = predict(folder)
    assert ended.code == 0
    assert "not predicted: S001.dat: " in ended.out
    assert {path.stem for path in Path("predictions").iterdir()} == {"S002", "S003"}


def test_of_several_paths_a_bad_one_is_told_and_the_others_are_predicted(predict, record, tmp_path):
    bad = tmp_path / "bad.hea"
    bad.write_text("bad 1 360 10\n")
    ended = predict(bad, record, tmp_path / "notes.txt")
    assert ended.code == 3
    assert ended.out.startswith("S002, ")
    first, second = ended.err.splitlines()
    assert first.startswith("error: bad.hea: ")
    assert second.startswith("error: notes.txt: is neither a WFDB record (.hea) nor ")
    assert {path.stem for path in Path("predictions").iterdir()} == {"S002"}


def test_the_exit_code_of_several_paths_is_that_of_the_first_fault(predict, record, tmp_path):
    beats = tmp_path / "beats.npy"
    np.save(beats, np.zeros((2, 3), np.float32))
    assert predict(record, beats, tmp_path / "notes.txt").code == 4
    assert predict(record, tmp_path / "notes.txt", beats).code == 3


def test_where_none_of_several_paths_can_be_predicted_nothing_is_written(predict, tmp_path):
    ended = predict(tmp_path / "a.txt", tmp_path / "b.txt", "--json")
    assert (ended.code, ended.tree["predictions"]) == (3, [])
    assert list(ended.tree["failed"]) == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert ended.err.count("\n") == 2
    assert not Path("predictions").exists()


def test_a_folder_in_which_nothing_can_be_predicted_is_exit_code_3(predict, trained, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "r.hea").write_text("r 1 360 10\n")
    ended = predict(folder)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error: r: none can be predicted. r.hea: ")
    assert ended.err.count("\n") == 1
    assert not Path("predictions").exists()


def test_annotations_are_passed_over_where_the_signal_shall_tell(predict, record):
    assert "Note: R peaks: annotation file S002.atr" in predict(record).out
    assert "Note: R peaks: detector." in predict(record, "--detect").out


@pytest.mark.parametrize("annotator", ["../atr", "a/b", "", "."])
def test_an_annotator_that_is_no_extension_is_refused(annotator, kerasmed, tmp_path):
    ended = kerasmed("predict", "model", "r.hea", "--annotator", annotator)
    assert ended.code == 2
    assert ended.err == f"error: --annotator {annotator!r} is no extension of annotation files; write one as in atr.\n"


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("gone", 2, "gone does not exist; name a run folder, a saved model folder or an .onnx file."),
        (".", 4, ".: is neither a saved model folder nor an .onnx file of kerasmed export."),
    ],
)
def test_a_model_that_is_none_is_one_line(model, code, said, kerasmed):
    ended = kerasmed("predict", model, "r.hea")
    assert (ended.code, ended.err) == (code, f"error: {said}\n")
