"""Volumes change in training only, by seeds of their own."""

import numpy as np
import pytest

from kerasmed.config.volume_changes import VolumeChanges
from tests.fakes.volumes import draw_volumes

pytestmark = pytest.mark.usefixtures("backend")


def changed(changes, volumes, spacing=(1.0, 1.0, 1.0), training=True):
    import keras

    from kerasmed.runtime import seed_everything
    from kerasmed.training.augment_volume import AugmentVolume

    seed_everything(0)
    x = keras.ops.convert_to_tensor(volumes)
    return keras.ops.convert_to_numpy(AugmentVolume(changes, spacing, dtype="float32")(x, training=training))


@pytest.fixture
def volumes():
    return draw_volumes(4, edge=8)[0][..., None].astype(np.float32) / 255


ALL = VolumeChanges(
    flip_rate=0.5, rotate_deg=20, zoom_rate=0.1, translate_rate=0.1, crop_rate=0.2, contrast_rate=0.2, noise=0.05
)


def test_nothing_changes_outside_training(volumes):
    np.testing.assert_array_equal(changed(ALL, volumes, training=False), volumes)


def test_every_example_changes_in_its_own_way_and_stays_in_range(volumes):
    found = changed(ALL, np.repeat(volumes[:1], 4, axis=0))
    assert found.shape == volumes.shape
    assert (found.min(), found.max()) >= (0, 0)
    assert found.max() <= 1
    assert len({row.tobytes() for row in found}) == 4


def test_a_flip_turns_the_named_axes_around_exactly(volumes):
    found = changed(VolumeChanges(flip_rate=1.0, flip_axes=("depth", "width")), volumes)
    np.testing.assert_allclose(found, volumes[:, ::-1, :, ::-1], atol=1e-5)


def test_a_turn_keeps_the_middle_and_moves_the_edge():
    ball = np.zeros((1, 9, 9, 9, 1), np.float32)
    ball[:, 4, 4, 4] = 1.0
    edge = np.zeros((1, 9, 9, 9, 1), np.float32)
    edge[:, 4, 4, 0] = 1.0
    turned = VolumeChanges(rotate_deg=90)
    assert changed(turned, ball)[0, 4, 4, 4, 0] == pytest.approx(1.0, abs=1e-5)
    assert changed(turned, edge)[0, 4, 4, 0, 0] < 0.9


def test_a_crop_shows_only_what_was_there():
    ones = np.ones((3, 8, 8, 8, 1), np.float32)
    assert changed(VolumeChanges(crop_rate=0.5), ones)[:, 1:-1, 1:-1, 1:-1].min() == pytest.approx(1.0, abs=1e-5)


def test_a_shift_lets_black_in():
    assert changed(VolumeChanges(translate_rate=0.9), np.ones((4, 8, 8, 8, 1), np.float32)).min() == 0.0


def test_volumes_are_turned_in_millimetres():
    """Across flat voxels a quarter turn reaches out of the volume, so that black comes in."""
    ones = np.ones((4, 8, 8, 8, 1), np.float32)
    turn = VolumeChanges(rotate_deg=60)
    assert changed(turn, ones, spacing=(5.0, 1.0, 1.0)).mean() < changed(turn, ones).mean()


def test_the_trainee_augments_volumes_by_its_settings():
    from kerasmed.build import build
    from kerasmed.config.run import Augmentation
    from kerasmed.training.front import build_trainee
    from tests.fakes.toy import SMALL_MODELS, toy_arrays, toy_spec

    spec, (arrays, _) = toy_spec(kind="cnn3d"), toy_arrays(4, kind="cnn3d")
    model = build(SMALL_MODELS["cnn3d"], spec)
    trainee = build_trainee(model, spec, Augmentation(volume=VolumeChanges(noise=0.1)))
    assert any(layer.__class__.__name__ == "AugmentVolume" for layer in trainee.layers)
    assert {"label"} == set(trainee(arrays, training=True))


def test_changes_of_volumes_are_refused_where_there_are_none():
    import keras

    from kerasmed.config.run import Augmentation
    from kerasmed.errors import ConfigError
    from kerasmed.training.front import build_trainee
    from tests.fakes.toy import toy_spec

    with pytest.raises(ConfigError, match=r"augmentation\.volume changes volumes, and these examples have none"):
        build_trainee(keras.Sequential(), toy_spec(kind="custom_cnn"), Augmentation(volume=ALL))
