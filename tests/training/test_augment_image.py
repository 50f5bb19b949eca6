"""Each change of pictures: what it does in training, that scores never meet it, and how far it goes at most."""

import numpy as np
import pytest

from kerasmed.config.run import Augmentation
from kerasmed.errors import ConfigError
from tests.fakes.toy import toy_config
from tests.training.test_fit import fitted

pytestmark = pytest.mark.usefixtures("backend")
SIDE = 24
EACH = {
    "flip": {"flip_rate": 0.5},
    "rotate": {"rotate_deg": 10},
    "zoom": {"zoom_rate": 0.2},
    "stretch": {"stretch_rate": 0.2},
    "translate": {"translate_rate": 0.1},
    "contrast": {"contrast_rate": 0.3},
    "brightness": {"brightness": 0.2},
    "gamma": {"gamma_rate": 0.3},
    "cutout": {"cutout_rate": 0.5},
    "noise": {"noise": 0.05},
}


def changed(pictures, seed=0, training=True, **settings):
    import keras

    from kerasmed.runtime import seed_everything
    from kerasmed.training.augment_image import AugmentImage

    seed_everything(seed)
    layer = AugmentImage(Augmentation(**settings))
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(pictures), training=training))


@pytest.fixture
def pictures():
    """A ramp from left to right with a bright square, inside a black margin."""
    drawn = np.zeros((32, SIDE, SIDE + 6, 1), np.float32)
    drawn[:, 3:-3, 3:-3, 0] = np.linspace(0.2, 0.6, SIDE)
    drawn[:, 6:10, 8:14] = 0.9
    return drawn


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_every_change_acts_in_training_and_not_elsewhere_and_stays_between_black_and_white(settings, pictures):
    made = changed(pictures, **settings)
    assert not np.allclose(made, pictures, atol=1e-3)
    assert (made.shape, made.min() >= 0, made.max() <= 1) == (pictures.shape, True, True)
    np.testing.assert_array_equal(changed(pictures, training=False, **settings), pictures)


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_a_seed_decides_every_change_and_examples_differ(settings, pictures):
    first, again, other = (changed(pictures, seed=seed, **settings) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({picture.tobytes() for picture in first}) > 1


def test_a_mirrored_picture_is_the_picture_from_the_other_side(pictures):
    np.testing.assert_allclose(changed(pictures, flip_rate=1.0), pictures[:, :, ::-1], atol=1e-5)


def test_a_shifted_picture_lies_where_the_shift_says(pictures):
    shifted = changed(pictures, translate_rate=0.1)
    most = np.array([0.1 * SIDE, 0.1 * (SIDE + 6)]) + 1e-3

    def middles(values):
        weights = np.where(values[..., 0] > 0.7, values[..., 0], 0.0)
        rows, columns = np.indices(weights.shape[1:])
        return np.stack([(weights * each).sum((1, 2)) / weights.sum((1, 2)) for each in (rows, columns)], axis=1)

    moved = middles(shifted) - middles(pictures)
    assert (np.abs(moved) <= most + 0.5).all()
    assert np.ptp(moved, axis=0).min() > 1


def test_turned_by_half_a_turn_at_most_the_middle_stays(pictures):
    spot = np.zeros_like(pictures)
    spot[:, SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 + 2 : SIDE // 2 + 4] = 1.0
    turned = changed(spot, rotate_deg=180)
    assert turned[:, SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 + 2 : SIDE // 2 + 4].min() > 0.4


def test_what_is_painted_over_is_one_square_of_at_most_that_side(pictures):
    made = changed(pictures, cutout_rate=0.5)
    touched = (np.abs(made - pictures) > 1e-6)[..., 0]
    assert touched.any(axis=2).sum(axis=1).max() <= SIDE / 2 + 1
    assert touched.any(axis=1).sum(axis=1).max() <= (SIDE + 6) / 2 + 1


@pytest.mark.parametrize(
    ("kind", "settings", "name"),
    [("se_resnet1d", {"zoom_rate": 0.1}, "zoom_rate"), ("vgg16", {"wander": 0.1}, "wander")],
)
def test_a_change_of_what_the_examples_do_not_have_is_refused(kind, settings, name, tmp_path):
    config = toy_config(kind, epochs=1).model_copy(update={"augmentation": Augmentation(**settings)})
    with pytest.raises(ConfigError, match=rf"augmentation\.{name} changes (signals|pictures), and these examples have"):
        fitted(tmp_path, config)


def test_all_changes_together_run_in_a_compiled_step_with_mixup(tmp_path):
    every = {name: size for settings in EACH.values() for name, size in settings.items()}
    config = toy_config("vgg16", epochs=1).model_copy(update={"augmentation": Augmentation(**every, mixup=0.4)})
    _, history = fitted(tmp_path, config)
    assert np.isfinite(history.rows[0]["val_loss"])


def test_the_loss_of_a_mixed_example_is_the_share_of_both_losses():
    from keras import ops

    from kerasmed.config.run import Trainer
    from kerasmed.spec import TargetSpec
    from kerasmed.training.losses import build_loss
    from kerasmed.training.mixup import MixedLoss

    plain = build_loss(Trainer(), TargetSpec("single_label", ("a", "b")))
    mixed = MixedLoss(plain, 2)
    logits, share = [[2.0, 0.0], [0.5, 1.0]], [[0.25], [0.0]]

    def losses(loss, labels, answers):
        return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(labels), ops.convert_to_tensor(answers)))

    alone, crossed = (losses(plain, labels, logits) for labels in ([0, 1], [1, 0]))
    found = losses(mixed, [0, 1], [[*row, *part] for row, part in zip(logits, share, strict=True)])
    np.testing.assert_allclose(found, [0.75 * alone[0] + 0.25 * crossed[0], alone[1]], rtol=1e-5)
    np.testing.assert_allclose(losses(mixed, [0, 1], logits), alone, rtol=1e-6)


def test_an_example_is_mixed_with_the_one_before_it_in_training_alone():
    import keras

    from kerasmed.training.mixup import Mix

    read = keras.Input((1,), name="x")
    mix = Mix(keras.Model({"x": read}, {"label": keras.layers.Identity()(read)}), 0.5)
    x = {"x": np.array([[0.0], [1.0], [2.0]], np.float32)}
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mix(x, training=False)["label"]), x["x"])
    made = keras.ops.convert_to_numpy(mix(x, training=True)["label"])
    values, share = made[:, 0], made[:, 1]
    np.testing.assert_allclose(values, (1 - share) * [0, 1, 2] + share * [2, 0, 1], rtol=1e-5)
    assert 0 < share.max() <= 0.5
