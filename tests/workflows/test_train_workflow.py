"""A whole training of the small run: what it leaves behind, and that it can be had again."""

import csv
import hashlib
import json
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.load import load_run
from tests.conftest import CHECKOUT
from tests.fakes.small_runs import CANARY, Said, TrainedRun

FILES = {
    "config.yaml", "manifest.json", "spec.json", "split.json", "history.csv", "metrics.jsonl", "log.txt",
    "report.json", "report.html",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n"


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


def test_a_run_folder_holds_all_that_a_run_is(trained: TrainedRun) -> None:
    found = {path.relative_to(trained.folder).as_posix() for path in trained.folder.rglob("*") if path.is_file()}
    pictures = {name for name in found if name.startswith("plots/")}
    kept = {"checkpoints/epoch-0002/weights.npz"} | {
        f"checkpoints/step-{step:09d}/{name}"
        for step in steps_of(trained)
        for name in ("training.npz", "state.json", "manifest.json")
    }
    assert found - pictures >= FILES | kept
    assert {"plots/confusion.png", "plots/history.png", "plots/worst.png"} <= pictures
    assert all((trained.folder / name).read_bytes().startswith(PNG) for name in pictures)


def steps_of(trained: TrainedRun) -> list[int]:
    """The global steps at which the two epochs ended."""
    found = sorted(int(path.name[5:]) for path in (trained.folder / "checkpoints").glob("step-*"))
    assert found[1] == 2 * found[0] > 0
    return found


def test_a_run_is_named_by_its_config_and_its_start(trained: TrainedRun) -> None:
    name, day, time, _ = trained.folder.name.split("-")
    started = read(trained.folder, "manifest.json")["started"]
    assert (name, f"{day}{time}"[:12]) == ("small", started.translate({ord(c): None for c in "-T:"})[:12])


def test_the_manifest_says_what_made_the_model(trained: TrainedRun, backend: str) -> None:
    manifest = read(trained.folder, "manifest.json")
    assert (manifest["status"], manifest["backend"], manifest["seed"]) == ("complete", backend, 0)
    assert manifest["versions"]["keras"] == metadata.version("keras")
    assert manifest["data"]["root"] == str(trained.places.data)
    assert (manifest["data"]["num_records"], manifest["data"]["quarantined"]) == (8, 0)
    assert manifest["split"] == read(trained.folder, "split.json")["digest"]
    assert manifest["started"] <= manifest["ended"]


def test_the_manifest_names_the_commit(trained: TrainedRun) -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("not in a checkout")
    commit = read(trained.folder, "manifest.json")["git"]["commit"]
    assert len(commit) == 40
    # HEAD itself may have moved on since the run.
    assert subprocess.run(["git", "-C", CHECKOUT, "merge-base", "--is-ancestor", commit, "HEAD"]).returncode == 0


def test_the_manifest_holds_the_digest_of_the_kept_weights(trained: TrainedRun) -> None:
    kept = f"epoch-{read(trained.folder, 'manifest.json')['kept_epoch']:04d}"
    with np.load(trained.folder / "checkpoints" / kept / "weights.npz") as weights:
        content = b"".join(weights[name].tobytes() for name in sorted(weights.files))
    assert read(trained.folder, "manifest.json")["weights_sha256"] == hashlib.sha256(content).hexdigest()


def test_no_patient_is_in_two_splits(trained: TrainedRun) -> None:
    split = read(trained.folder, "split.json")
    records = [split[part]["records"] for part in ("train", "validation", "test")]
    assert sum(map(len, records)) == len({name for names in records for name in names}) == 8
    assert sum(split[part]["patients"] for part in ("train", "validation", "test")) == 6


def test_history_and_log_have_a_line_for_each_epoch(trained: TrainedRun) -> None:
    rows = list(csv.DictReader((trained.folder / "history.csv").read_text().splitlines()))
    log = (trained.folder / "log.txt").read_text()
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert "epoch 1/2  loss" in log
    assert "epoch 2/2  loss" in log


def test_the_report_judges_the_test_records(trained: TrainedRun) -> None:
    report, split = read(trained.folder, "report.json"), read(trained.folder, "split.json")
    assert report["judged"]["examples"] == split["test"]["examples"]
    assert {row["record"] for row in report["records"]} == set(split["test"]["records"])
    assert report["metrics"] == trained.report.to_json()["metrics"]


def test_the_page_names_neither_a_patient_nor_a_place_of_this_machine(trained: TrainedRun) -> None:
    page = (trained.folder / "report.html").read_text()
    assert trained.folder.name in page
    assert CANARY not in page
    assert str(trained.places.data.parent) not in page
    assert str(CHECKOUT) not in page


def test_the_page_is_of_a_run_that_ended(trained: TrainedRun) -> None:
    assert "running" not in (trained.folder / "report.html").read_text()


def test_the_config_of_a_run_is_the_config_it_was_trained_by(trained: TrainedRun) -> None:
    assert load_run(trained.folder) == trained.config


def test_a_run_trained_again_has_the_same_weights_and_the_same_report(trained: TrainedRun, again: Said) -> None:
    folder = Path(again.tree["run"])
    first, second = read(trained.folder, "manifest.json"), read(folder, "manifest.json")
    assert second["weights_sha256"] == first["weights_sha256"]
    assert second["data"] == first["data"]
    assert (folder / "report.json").read_bytes() == (trained.folder / "report.json").read_bytes()
    assert (folder / "config.yaml").read_bytes() == (trained.folder / "config.yaml").read_bytes()


def test_a_run_trained_again_is_another_folder_beside_the_first(trained: TrainedRun, again: Said) -> None:
    folder = Path(again.tree["run"])
    assert folder.parent == trained.folder.parent
    assert read(trained.folder, "manifest.json")["ended"] <= read(folder, "manifest.json")["started"]
