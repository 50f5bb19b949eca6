from pathlib import Path

import pytest

from tests.fakes.finished_runs import OTHER, change, change_epoch, read, write_finished
from tests.fakes.small_runs import TrainedRun, small_config


@pytest.fixture
def pair(tmp_path):
    """Two runs that did the same."""
    config = small_config(tmp_path)
    first, second = (write_finished(tmp_path / "runs", config) for _ in range(2))
    return first, second


def test_a_run_is_reproduced_to_the_last_bit_in_a_folder_of_its_own(kerasmed, trained: TrainedRun, monkeypatch) -> None:
    monkeypatch.setenv("KERASMED_CACHE", str(trained.places.cache))
    before = {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")}
    ended = kerasmed("reproduce", trained.folder, "--json")
    assert (ended.code, ended.tree["identical"]) == (0, True)
    again = Path(ended.tree["second"])
    assert again.parent == Path("runs")
    assert read(again, "manifest.json")["reproduces"] == trained.folder.name
    assert read(again, "manifest.json")["weights_sha256"] == read(trained.folder, "manifest.json")["weights_sha256"]
    assert {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")} == before


def test_runs_that_are_there_are_compared_without_training(kerasmed, pair):
    ended = kerasmed("reproduce", pair[0], "--against", pair[1])
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "identical: weights to the last bit, and data, split, history and metrics"
    assert str(pair[1]) in ended.out


def test_runs_that_differ_are_exit_code_4_with_the_values_that_differ(kerasmed, pair):
    change_epoch(pair[1], 2, loss=0.5002)
    change(pair[1], "manifest.json", weights_sha256=OTHER, backend="torch")
    ended = kerasmed("reproduce", pair[0], "--against", pair[1])
    lines = [line.split() for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (4, "")
    assert ["history", "epoch", "2", "loss", "0.5", "0.5002", "0.0002"] in lines
    assert ["weights", "weights_sha256", "a" * 12, "b" * 12] in lines
    assert ["environment", "backend", "jax", "torch"] in lines
    tree = kerasmed("reproduce", pair[0], "--against", pair[1], "--json").tree
    assert (tree["identical"], len(tree["changes"]["history"])) == (False, 1)


def test_of_many_values_that_differ_the_first_are_listed_and_the_others_counted(kerasmed, pair):
    change_epoch(pair[1], 1, **{f"val_{name}": 0.0 for name in "abcdefgh"})
    said = kerasmed("reproduce", pair[0], "--against", pair[1]).out
    assert said.count("epoch 1 val_") == 5
    assert "and 3 more" in said


@pytest.mark.parametrize("word", ["--anyway", "--track", "--backend=jax"])
def test_to_compare_and_to_train_otherwise_is_refused(word, kerasmed, pair):
    ended = kerasmed("reproduce", pair[0], "--against", pair[1], word)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --against trains nothing")


def test_a_run_that_was_killed_is_refused_with_the_command_that_goes_on(kerasmed, pair):
    change(pair[0], "manifest.json", status="running")
    ended = kerasmed("reproduce", pair[0])
    assert ended.code == 2
    assert ended.err == (
        f"error: {pair[0]} never came to its end (killed), so that there is nothing to compare; "
        f"finish it first: kerasmed resume {pair[0]}\n"
    )


def test_the_newest_run_is_meant_by_latest(kerasmed, pair, tmp_path):
    change(pair[0], "manifest.json", started="2999-01-01T00:00:00+00:00", status="failed")
    assert f"error: {pair[0]} never" in kerasmed("reproduce", "latest", "--runs-dir", tmp_path / "runs").err
