"""A frozen warm-up: what stands still and how long, what learns then and how fast, and that it resumes exactly."""

import numpy as np
import pytest

from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError
from tests.fakes.toy import toy_config, toy_stream
from tests.training.test_fit import fitted
from tests.training.test_resume import run, stopped

pytestmark = pytest.mark.usefixtures("backend")
PATHS = ["encoder_embedding_conv1/kernel", "encoder_00_conv/kernel", "encoder_01_bn/gamma", "dense_3/kernel"]


@pytest.mark.parametrize(
    ("epoch", "settings", "expected"),
    [
        (0, {"freeze_epochs": 2}, [0, 0, 0, 1]),
        (1, {"freeze_epochs": 2}, [0, 0, 0, 1]),
        (2, {"freeze_epochs": 2}, [0.1, 0.1, 0.1, 1]),
        (2, {"freeze_epochs": 2, "unfreeze_stages": 1, "unfreeze_rate": 0.5}, [0, 0, 0.5, 1]),
        (2, {"freeze_epochs": 2, "unfreeze_stages": 9}, [0.1, 0.1, 0.1, 1]),
        (2, {"freeze_epochs": 2, "layer_decay": 0.5}, [0.0125, 0.025, 0.05, 1]),
        (0, {"unfreeze_stages": 1}, [1, 1, 1, 1]),
    ],
)
def test_the_epoch_says_which_stages_stand_still_and_how_fast_the_others_learn(epoch, settings, expected):
    from kerasmed.training.layer_rates import rates_in

    assert rates_in(epoch, PATHS, Trainer(**settings)) == pytest.approx(expected)


def moved_by_epoch(folder, kind, epochs, **settings):
    """Paths of the variables that each epoch moved, the head's noise and seeds left aside."""
    from kerasmed.training.checkpoint import load_arrays, verify_checkpoint

    config = toy_config(kind, epochs=epochs, checkpoint_every=1, **settings)
    fitted(folder, config, toy_stream(batch_size=64, kind=kind))
    stood, found = None, []
    for epoch in range(1, epochs + 1):
        checkpoint = folder / "checkpoints" / f"epoch-{epoch:04d}"
        paths = verify_checkpoint(checkpoint)["paths"]
        now = dict(zip(paths, load_arrays(checkpoint, "weights.npz"), strict=True))
        if stood is not None:
            found.append({path for path in paths if not np.array_equal(stood[path], now[path])})
        stood = now
    return found, {path for path in stood if path.startswith("encoder")}


@pytest.mark.parametrize("kind", ["resnet50", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_a_frozen_encoder_keeps_weights_and_statistics_and_learns_afterwards(kind, tmp_path):
    (frozen, free), encoder = moved_by_epoch(tmp_path, kind, 3, freeze_epochs=2)
    assert frozen
    assert not frozen & encoder
    assert encoder - free <= {path for path in encoder if "bias" in path}


def test_the_lower_stages_stand_still_to_the_end_where_only_the_upper_ones_are_let_go(tmp_path):
    (moved,), encoder = moved_by_epoch(tmp_path, "custom_cnn", 2, freeze_epochs=1, unfreeze_stages=1)
    assert encoder & moved == {path for path in encoder if path.startswith("encoder_01")}


def test_a_network_without_an_encoder_cannot_be_frozen(tmp_path):
    with pytest.raises(ConfigError, match=r"trainer\.freeze_epochs needs a network whose blocks are counted"):
        fitted(tmp_path, toy_config("se_resnet1d", epochs=1, freeze_epochs=1))


@pytest.mark.parametrize("kind", ["custom_cnn", pytest.param("efficientnet_b0", marks=pytest.mark.slow)])
def test_a_warm_up_that_is_interrupted_before_and_after_its_end_goes_on_to_the_same_bits(kind, tmp_path):
    config = toy_config(kind, epochs=2, freeze_epochs=1, save_every="1steps", ema_decay=0.9)
    straight, _ = run(tmp_path / "straight", config)
    assert stopped(tmp_path / "broken", config, 4, 4)[0] == straight
