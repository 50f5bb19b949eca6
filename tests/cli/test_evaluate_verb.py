import json
import shutil

import pytest

from tests.fakes.small_runs import TrainedRun


@pytest.fixture
def runs(trained: TrainedRun, tmp_path, monkeypatch):
    """A folder of runs with a copy of the small run."""
    shutil.copytree(trained.folder, tmp_path / "runs" / trained.folder.name)
    return tmp_path / "runs"


@pytest.fixture
def evaluate(kerasmed, trained: TrainedRun, runs, monkeypatch):
    monkeypatch.setenv("KERASMED_CACHE", str(trained.places.cache))
    return lambda *words: kerasmed("evaluate", *words, "--runs-dir", runs)


def test_the_report_comes_out_as_json(evaluate, trained):
    ended = evaluate("latest", "--data-dir", trained.places.data, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.tree == json.loads((trained.folder / "report.json").read_text())


def test_a_run_without_its_data_folder_is_exit_code_2(evaluate):
    ended = evaluate("latest")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no data folder: give --data-dir")


def test_data_of_another_kind_are_exit_code_3(evaluate, tmp_path):
    ended = evaluate("latest", "--data-dir", tmp_path)
    assert ended.code == 3
    assert ended.err == f"error: {tmp_path / 'ecg'}: is not a folder. Set --data-dir to the folder that holds it.\n"


def test_a_run_that_is_none_is_exit_code_2(kerasmed, tmp_path):
    ended = kerasmed("evaluate", "small", "--runs-dir", tmp_path, "--data-dir", tmp_path)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
