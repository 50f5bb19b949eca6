"""A run that trains on crops, from its data to its answers: everything but the training reads whole examples."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.run import Calibrator
from kerasmed.workflows.calibrate import calibrate_run
from kerasmed.workflows.evaluate import evaluate_run
from kerasmed.workflows.places import Places
from kerasmed.workflows.run_folder import load_run_model
from tests.fakes.small_runs import TrainedRun, small_config


@pytest.fixture(scope="module")
def cropped(backend: str, simulated_root: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A small run on crops of 0.2 s."""
    from kerasmed.workflows.train import train

    base = tmp_path_factory.mktemp("cropped")
    config = small_config(
        base, f"backend={backend}", "crops.length_s=0.2", "trainer.epochs=1", "evaluation.bootstrap=0"
    )
    places = Places(data=simulated_root, runs=base / "runs", cache=base / "cache")
    folder, report = train(config, places)
    return TrainedRun(folder, config, report, places)


def test_a_run_on_crops_is_judged_again_as_it_was_judged(cropped: TrainedRun) -> None:
    before = (cropped.folder / "report.json").read_bytes()
    evaluate_run(cropped.folder, cropped.places)
    assert (cropped.folder / "report.json").read_bytes() == before


def test_the_model_of_a_run_on_crops_reads_whole_examples_with_the_weights_that_were_kept(cropped: TrainedRun) -> None:
    from kerasmed.training.checkpoint import WEIGHTS, epoch_folder

    model, _, spec = load_run_model(cropped.folder)
    signal = next(tensor for tensor in model.inputs if tensor.name == "signal")
    assert tuple(signal.shape[1:]) == spec.inputs["signal"].shape
    with np.load(epoch_folder(cropped.folder / "checkpoints", 1) / WEIGHTS) as stored:
        expected = [stored[name] for name in sorted(stored.files)]
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(model.get_weights(), expected, strict=True))


def test_a_run_on_crops_is_calibrated_by_the_answers_of_whole_examples(cropped: TrainedRun) -> None:
    calibrate_run(cropped.folder, Calibrator(), cropped.places)
    report = json.loads((cropped.folder / "report.json").read_text())
    assert report["calibrated"]["method"] == "temperature"
    assert report["judged"]["digest"] == cropped.report.judged["digest"]
