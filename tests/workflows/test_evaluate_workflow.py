"""Judging a run again: exactly as it was judged, on exactly the data it was trained on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ConfigError, DataError
from kerasmed.workflows.evaluate import evaluate_run
from kerasmed.workflows.judge import judge, score_rows
from kerasmed.workflows.prepare import gather_material
from kerasmed.workflows.run_folder import load_run_model, update_manifest
from tests.fakes.small_runs import TrainedRun, copied


@pytest.fixture
def run(trained: TrainedRun, tmp_path: Path) -> Path:
    """A copy of the run, of the same name."""
    return Path(shutil.copytree(trained.folder, tmp_path / trained.folder.name))


def set_in_config(run: Path, old: str, new: str) -> None:
    config = run / "config.yaml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def test_report_page_and_plots_come_out_as_they_were(trained: TrainedRun, run: Path) -> None:
    for name in ("report.json", "report.html"):
        (run / name).unlink()
    shutil.rmtree(run / "plots")
    (run / "plots").mkdir()
    evaluate_run(run, trained.places)
    for name in ("report.json", "report.html", "plots/roc.png", "manifest.json"):
        assert (run / name).read_bytes() == (trained.folder / name).read_bytes(), name


@pytest.mark.parametrize("kept_epoch", [1, 2, None])
def test_the_model_opened_is_the_epoch_that_was_judged_or_else_the_last(run: Path, kept_epoch: int | None) -> None:
    from kerasmed.training.checkpoint import WEIGHTS, epoch_folder

    update_manifest(run, kept_epoch=kept_epoch)
    with np.load(epoch_folder(run / "checkpoints", kept_epoch or 2) / WEIGHTS) as stored:
        expected = [stored[name] for name in sorted(stored.files)]
    model, _, _ = load_run_model(run)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(model.get_weights(), expected, strict=True))


def test_other_files_are_refused(trained: TrainedRun, run: Path, tmp_path: Path) -> None:
    data = copied(trained.places.data, tmp_path / "data")
    listing = data / "ecg" / "RECORDS"
    listing.write_text(listing.read_text().replace("S008\n", ""))
    with pytest.raises(DataError, match="was trained on other examples than these files give"):
        evaluate_run(run, replace(trained.places, data=data))
    assert (run / "report.json").read_bytes() == (trained.folder / "report.json").read_bytes()


def test_another_split_is_refused(trained: TrainedRun, run: Path) -> None:
    set_in_config(run, "seed: 0", "seed: 1")
    with pytest.raises(DataError, match="was trained on another split than these files give"):
        evaluate_run(run, trained.places)


def test_a_model_is_opened_in_the_precision_it_was_trained_in(run: Path) -> None:
    from kerasmed.runtime import use_precision

    set_in_config(run, "precision: float32", "precision: mixed_bfloat16")
    try:
        model, _, _ = load_run_model(run)
    finally:
        use_precision("float32")
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}


@pytest.mark.parametrize("name", ["weights.npz", "manifest.json"])
def test_a_damaged_checkpoint_is_refused(name: str, trained: TrainedRun, run: Path) -> None:
    for kept in (run / "checkpoints").glob("epoch-*"):
        (kept / name).write_bytes(b"")
    with pytest.raises(DataError, match="is damaged: a file does not match its hash"):
        evaluate_run(run, trained.places)


@pytest.mark.parametrize("content", ["", "{", "[1]"])
@pytest.mark.parametrize("name", ["manifest.json", "spec.json"])
def test_a_damaged_run_is_refused(name: str, content: str, trained: TrainedRun, run: Path) -> None:
    (run / name).write_text(content)
    with pytest.raises(DataError, match=rf"{name}: is damaged\. Train the run again"):
        evaluate_run(run, trained.places)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, trained: TrainedRun) -> None:
    with pytest.raises(ConfigError, match="is no run folder"):
        evaluate_run(tmp_path, trained.places)


def test_a_run_that_ended_before_its_data_were_read_is_refused(run: Path, trained: TrainedRun) -> None:
    (run / "spec.json").unlink()
    with pytest.raises(ConfigError, match="ended before its data were prepared; train it again"):
        evaluate_run(run, trained.places)


def test_the_first_manifest_fact_that_differs_is_named(run: Path, trained: TrainedRun) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["data"]["fingerprint"] = manifest["split"] = "0" * 64
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="other examples"):
        evaluate_run(run, trained.places)


def test_a_report_is_divided_by_the_columns_that_a_dataset_names(trained: TrainedRun) -> None:
    material = gather_material(trained.config.dataset, trained.config.seed, trained.places)
    halves = replace(material, dataset=replace(material.dataset, subgroups={"sample": (10_000,), "patient": ()}))
    model, config, _ = load_run_model(trained.folder)
    rows = material.splits.test
    report = judge(score_rows(model, halves, rows, config), halves, config)
    late = int((material.prepared.index["sample"][rows] >= 10_000).sum())
    counted = {(row["by"], row["group"]): row["examples"] for row in report.subgroups}
    assert counted["sample", ">= 10000"] == late
    assert counted["sample", "< 10000"] == len(rows) - late
    assert {"left_out"} <= set(report.subgroups[-1])  # of one patient
