"""A training of pictures that starts from another run, from a file, or from what is not there."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ConfigError, OtherModelError
from tests.fakes.image_folders import write_class_folders
from tests.fakes.small_runs import say
from tests.workflows.test_images_workflow import write_run
from tests.workflows.test_pretrain_workflow import manifest, weights_of


@pytest.fixture(scope="module")
def room(backend, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("starting")
    write_class_folders(base / "data" / "xrays", per_class=12)
    write_run(base)
    return base


def trained_on(room, backend, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(room / "cache"))
        places = ("--backend", backend, "--data-dir", room / "data", "--runs-dir", room / "runs", "--json")
        return say("train", room / "xrays.yaml", "trainer.epochs=1", *words, *places)


@pytest.fixture(scope="module")
def first(room, backend) -> Path:
    said = trained_on(room, backend)
    assert said.code == 0, said.err
    return Path(said.tree["run"])


def require_start(said, first):
    """Frozen, the encoder is to the bit that of the first run."""
    assert said.code == 0, said.err
    folder = Path(said.tree["run"])
    before, after = weights_of(first, 1), weights_of(folder, 1)
    shared = [path for path in after if path.startswith("encoder")]
    assert len(shared) == 10
    for path in shared:
        np.testing.assert_array_equal(after[path], before[path])
    return manifest(folder)["started_from"]


def test_a_training_starts_from_a_run_by_its_name_and_its_encoder_stands_still(room, backend, first):
    said = trained_on(room, backend, f"model.weights=run:{first.name}", "trainer.freeze_epochs=1", "name=second")
    started = require_start(said, first)
    assert (started["run"], started["sha256"]) == (first.name, manifest(first)["weights_sha256"])
    config = (Path(said.tree["run"]) / "config.yaml").read_text()
    assert str(first.resolve()) in config


def test_a_training_starts_from_a_file_of_keras(room, backend, first, tmp_path):
    from kerasmed.workflows.run_folder import load_run_model

    load_run_model(first)[0].save_weights(tmp_path / "first.weights.h5")
    said = trained_on(room, backend, f"model.weights={tmp_path / 'first.weights.h5'}", "trainer.freeze_epochs=1")
    started = require_start(said, first)
    assert (started["file"], len(started["sha256"])) == ("first.weights.h5", 64)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["model.weights=run:nobody"], ConfigError.exit_code, "no run named 'nobody'"),
        (["model.weights=gone.keras"], ConfigError.exit_code, "there is no file gone.keras"),
        (["model.weights=imagenet"], ConfigError.exit_code, "there are no ImageNet weights of custom_cnn"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(room, backend, first, words, code, reason):
    said = trained_on(room, backend, *words)
    assert said.code == code
    assert len(said.errors) == 1
    assert reason in said.errors[0]


def test_a_run_of_another_network_is_refused_with_the_layer_that_differs(room, backend, first):
    said = trained_on(room, backend, f"model.weights={first}", "model.widths=[8, 12]")
    assert said.code == OtherModelError.exit_code
    assert "has another encoder: encoder_01_conv1/kernel is" in said.errors[0]
