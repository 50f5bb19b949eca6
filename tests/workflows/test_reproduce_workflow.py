"""A finished run had again from its record, and what two runs are said to have in common."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from kerasmed.config.load import resolved_yaml
from kerasmed.errors import ConfigError, DataError
from kerasmed.workflows.places import Places
from kerasmed.workflows.reproduce import Wish, compare_finished, recorded_config, reproduce
from kerasmed.workflows.run_difference import compare_runs, largest
from tests.fakes.finished_runs import DIGEST, OTHER, ROWS, change, change_epoch, read, write_finished, write_rows
from tests.fakes.small_runs import TrainedRun, copied, small_config

HOLD = """\
import pathlib, sys, time
from kerasmed.files import held

with held(pathlib.Path(sys.argv[1]) / "run.lock"):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs that did the same."""
    config = small_config(tmp_path)
    first, second = (write_finished(tmp_path / "runs", config) for _ in range(2))
    return first, second


def test_equal_runs_are_identical_whatever_time_they_took(pair: tuple[Path, Path]) -> None:
    change_epoch(pair[1], 2, seconds=9.0, examples_per_s=1.0)
    found = compare_runs(*pair)
    assert found.identical
    assert found.verdict == "identical: weights to the last bit, and data, split, history and metrics"


def test_a_loss_that_was_no_number_in_both_is_no_difference(pair: tuple[Path, Path]) -> None:
    for folder in pair:
        change_epoch(folder, 2, val_loss=math.nan)
    assert compare_runs(*pair).identical


def test_the_first_epoch_that_differs_is_named_and_the_largest_difference(pair: tuple[Path, Path]) -> None:
    change_epoch(pair[1], 1, val_loss=1.1002)
    change_epoch(pair[1], 2, loss=0.6)
    found = compare_runs(*pair)
    assert found.verdict == (
        "equal data, split and examples; history differs from epoch 1 (largest |difference| 0.1, of epoch 2, loss)"
    )
    first = found.changes["history"][0]
    assert (first.place, first.name, first.first, first.second) == ("epoch 1", "val_loss", 1.1, 1.1002)
    assert first.size == pytest.approx(2e-4)
    assert not found.identical


def test_an_epoch_that_one_run_lacks_is_a_difference(pair: tuple[Path, Path]) -> None:
    write_rows(pair[1], ROWS[:1])
    changes = compare_runs(*pair).changes["history"]
    assert {(change.place, change.second) for change in changes} == {("epoch 2", "absent")}
    assert largest(changes) is None


def test_a_number_that_became_no_number_is_told_in_json(pair: tuple[Path, Path]) -> None:
    change_epoch(pair[1], 2, loss=math.inf)
    tree = compare_runs(*pair).to_json()
    json.dumps(tree, allow_nan=False)
    assert tree["changes"]["history"] == [
        {"place": "epoch 2", "name": "loss", "first": 0.5, "second": "inf", "difference": None}
    ]


def test_other_weights_after_an_equal_history_are_told(pair: tuple[Path, Path]) -> None:
    change(pair[1], "manifest.json", weights_sha256=OTHER, kept_epoch=1)
    found = compare_runs(*pair)
    assert found.verdict == "equal data, split, examples and history; weights differ"
    assert [change.name for change in found.changes["weights"]] == ["weights_sha256", "kept_epoch"]


def test_metrics_that_differ_are_told_with_the_largest(pair: tuple[Path, Path]) -> None:
    estimates = {"macro_f1": {"value": 0.51, "low": 0.4, "high": 0.6}}
    per_class = {"V": {"f1": {"value": 0.7, "low": 0.4, "high": 0.6}, "support": 3}}
    change(pair[1], "report.json", metrics=estimates, per_class=per_class)
    assert compare_runs(*pair).verdict == (
        "equal data, split, examples, history and weights; "
        "metrics differ (largest |difference| 0.2, of class V, f1, value)"
    )


def test_other_data_are_told_before_anything_else(pair: tuple[Path, Path]) -> None:
    change_epoch(pair[1], 1, loss=2.0)
    change(pair[1], "manifest.json", data={"root": "elsewhere", "fingerprint": OTHER, "num_examples": 9})
    assert compare_runs(*pair).verdict == "other data: fingerprint aaaaaaaaaaaa became bbbbbbbbbbbb"


def test_data_that_only_lie_elsewhere_are_the_same(pair: tuple[Path, Path]) -> None:
    change(pair[1], "manifest.json", data={**read(pair[1], "manifest.json")["data"], "root": "/elsewhere"})
    assert compare_runs(*pair).identical


def test_another_split_is_told(pair: tuple[Path, Path]) -> None:
    change(pair[1], "split.json", digest=OTHER)
    assert compare_runs(*pair).verdict == "equal data; split differs"


def test_what_of_the_environment_differs_is_told_and_is_no_difference_of_the_runs(pair: tuple[Path, Path]) -> None:
    versions = {**read(pair[0], "manifest.json")["versions"], "keras": "2.0"}
    change(pair[1], "manifest.json", versions=versions, backend="torch", git={"commit": "c", "changed": True})
    found = compare_runs(*pair)
    assert found.identical
    assert {("versions", "keras"), ("", "backend"), ("git", "commit")} <= {
        (change.place, change.name) for change in found.changes["environment"]
    }
    assert any(remark.startswith("kerasmed ran with changes that are in no commit") for remark in found.remarks)


def test_settings_that_differ_are_told_but_neither_trackers_nor_backend(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    other = small_config(tmp_path, "trainer.epochs=5", "backend=torch", "tracking.mlflow=true")
    (pair[1] / "config.yaml").write_text(resolved_yaml(other))
    (entry,) = compare_runs(*pair).changes["settings"]
    assert (entry.name, entry.first, entry.second) == ("trainer.epochs", 2, 5)


def test_settings_that_an_older_version_did_not_write_are_told(pair: tuple[Path, Path]) -> None:
    written = [line for line in (pair[0] / "config.yaml").read_text().splitlines() if "clip_norm" not in line]
    (pair[0] / "config.yaml").write_text("\n".join(written) + "\n")
    (remark,) = (told for told in compare_runs(*pair).remarks if "config.yaml" in told)
    assert remark.endswith("today's defaults hold: trainer.clip_norm")


def test_a_run_that_went_on_with_changes_is_told(pair: tuple[Path, Path]) -> None:
    entries = [{"backend": "jax", "changes": []}, {"backend": "jax", "changes": ["trainer.clip_norm: 1.0 -> 2.0"]}]
    change(pair[0], "manifest.json", resumes=entries)
    assert f"{pair[0].name} went on with changes: trainer.clip_norm: 1.0 -> 2.0" in compare_runs(*pair).remarks


@pytest.mark.parametrize("name", ["metrics.jsonl", "report.json", "split.json", "spec.json"])
@pytest.mark.parametrize("content", [None, "{", "[]\n"])
def test_a_run_with_a_damaged_file_cannot_be_compared(name: str, content: str | None, pair: tuple[Path, Path]) -> None:
    (pair[1] / name).unlink() if content is None else (pair[1] / name).write_text(content)
    with pytest.raises(DataError, match=rf"{name}: is missing or damaged"):
        compare_runs(*pair)


@pytest.mark.parametrize("name", ["manifest.json", "split.json"])
def test_what_neither_run_says_is_not_called_equal(name: str, pair: tuple[Path, Path]) -> None:
    for folder in pair:
        facts = read(folder, name)
        left = {key: value for key, value in facts.items() if key not in ("weights_sha256", "digest")}
        (folder / name).write_text(json.dumps(left))
    with pytest.raises(DataError, match=rf"{name}: is missing or damaged"):
        compare_runs(*pair)


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_never_came_to_its_end_is_refused_with_what_to_do(status: str, pair: tuple[Path, Path]) -> None:
    change(pair[0], "manifest.json", status=status)
    true_status = "killed" if status == "running" else status
    with pytest.raises(ConfigError, match=rf"never came to its end \({true_status}\).* kerasmed resume {pair[0]}"):
        recorded_config(pair[0], Wish())
    with pytest.raises(ConfigError, match="never came to its end"):
        compare_finished(pair[1], pair[0])


def test_the_config_is_the_recorded_one_without_its_trackers(tmp_path: Path) -> None:
    config = small_config(tmp_path, "tracking.mlflow=true", "trainer.epochs=3", "seed=4")
    folder = write_finished(tmp_path / "runs", config)
    untracked = small_config(tmp_path, "trainer.epochs=3", "seed=4")
    assert recorded_config(folder, Wish()) == untracked
    assert recorded_config(folder, Wish(track=True)) == config
    assert recorded_config(folder, Wish(backend="torch")) == untracked.model_copy(update={"backend": "torch"})


@pytest.mark.parametrize("word", ["seed=1", "backend=torch"])
def test_a_config_that_was_changed_after_the_run_is_refused(word: str, tmp_path: Path) -> None:
    folder = write_finished(tmp_path / "runs", small_config(tmp_path))
    (folder / "config.yaml").write_text(resolved_yaml(small_config(tmp_path, word)))
    with pytest.raises(DataError, match=r"config\.yaml: says .* It was changed since"):
        recorded_config(folder, Wish())


def test_a_run_that_somebody_trains_is_refused_and_they_are_named(pair: tuple[Path, Path]) -> None:
    change(pair[0], "manifest.json", status="running")
    with subprocess.Popen([sys.executable, "-c", HOLD, pair[0]], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "holding\n"
        with pytest.raises(ConfigError, match=rf"is still running \(process {process.pid} on .*wait for its end"):
            recorded_config(pair[0], Wish())
        process.kill()


def test_folds_are_compared_one_by_one(pair: tuple[Path, Path]) -> None:
    for folder in pair:
        for name in ("01", "02"):
            fold = folder / "folds" / name
            fold.mkdir(parents=True)
            write_rows(fold, ROWS)
            (fold / "manifest.json").write_text(json.dumps({"held_out": ["r"], "weights_sha256": DIGEST}))
    assert compare_runs(*pair).identical
    change_epoch(pair[1] / "folds" / "02", 2, loss=0.25)
    change(pair[1] / "folds" / "02", "manifest.json", weights_sha256=OTHER)
    assert compare_runs(*pair).verdict == (
        "equal data, split and examples; "
        "history differs from fold 02, epoch 2 (largest |difference| 0.25, of fold 02, epoch 2, loss); weights differ"
    )


def test_a_fold_that_one_run_lacks_is_a_difference(pair: tuple[Path, Path]) -> None:
    fold = pair[0] / "folds" / "01"
    fold.mkdir(parents=True)
    write_rows(fold, ROWS)
    (fold / "manifest.json").write_text(json.dumps({"weights_sha256": DIGEST}))
    assert "history differs from fold 01, epoch 1; weights differ" in compare_runs(*pair).verdict


@pytest.fixture
def without_a_record(trained: TrainedRun, tmp_path: Path) -> Places:
    """The data of the small run, but for a record, and a folder for runs that is not there yet."""
    root = copied(trained.places.data, tmp_path / "data")
    listing = root / "ecg" / "RECORDS"
    listing.write_text(listing.read_text().replace("S008\n", ""))
    return Places(root, tmp_path / "runs", trained.places.cache)


def test_other_data_are_refused_before_anything_is_trained(trained: TrainedRun, without_a_record: Places) -> None:
    config = recorded_config(trained.folder, Wish())
    with pytest.raises(DataError, match=r"on other data .*num_records 8 became 7.*nothing was trained.*--anyway"):
        reproduce(trained.folder, config, without_a_record, Wish())
    assert not without_a_record.runs.exists()


def test_another_split_is_refused_before_anything_is_trained(
    pair: tuple[Path, Path], trained: TrainedRun, tmp_path: Path
) -> None:
    change(pair[0], "manifest.json", data=read(trained.folder, "manifest.json")["data"])
    places = Places(trained.places.data, tmp_path / "new", trained.places.cache)
    with pytest.raises(DataError, match=r"on another split .*ssssssssssss became .*nothing was trained"):
        reproduce(pair[0], trained.config, places, Wish())
    assert not places.runs.exists()


def test_one_can_insist_on_other_data(trained: TrainedRun, without_a_record: Places) -> None:
    wish = Wish(anyway=True)
    found = reproduce(trained.folder, recorded_config(trained.folder, wish), without_a_record, wish)
    assert found.verdict.startswith("other data: fingerprint ")
    assert {"num_records", "num_examples"} <= {change.name for change in found.changes["data"]}
    assert read(found.second, "manifest.json")["reproduces"] == trained.folder.name
