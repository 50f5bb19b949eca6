"""A whole training with every tracker on, beside the same one with none."""

import json

import pytest

from tests.fakes.small_runs import CANARY, small_config

TRACKERS = ("tracking.tensorboard=true", "tracking.mlflow=true", "tracking.wandb=offline")


@pytest.fixture(scope="module")
def tracked(trained, tmp_path_factory):
    from dataclasses import replace

    from kerasmed.workflows.train import train

    base = tmp_path_factory.mktemp("tracked")
    config = small_config(base, f"backend={trained.config.backend}", *TRACKERS)
    folder, _ = train(config, replace(trained.places, runs=base / "runs"))
    return folder


@pytest.mark.slow
def test_trackers_change_no_weight(trained, tracked):
    first, second = (json.loads((folder / "manifest.json").read_text()) for folder in (trained.folder, tracked))
    assert {path.stem for path in (tracked / "tracking").glob("*.json")} == {"tensorboard", "mlflow", "wandb"}
    assert first["weights_sha256"] == second["weights_sha256"]


@pytest.mark.slow
def test_trackers_are_told_no_record_no_patient_and_no_place_of_the_data(tracked):
    outside = [tracked.parent / "mlflow.db", *(tracked.parent / "mlflow-artifacts").rglob("*")]
    inside = [path for name in ("tensorboard", "wandb", "tracking") for path in (tracked / name).rglob("*")]
    written = [path for path in (*outside, *inside) if path.is_file()]
    assert len(written) > 10
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []
