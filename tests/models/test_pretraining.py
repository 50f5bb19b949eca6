"""What is hidden stays hidden, and the encoder that tells it fits the network that it is for."""

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Pretraining
from kerasmed.errors import ConfigError, UnknownNameError
from tests.fakes.toy import SMALL_MODELS, toy_arrays, toy_spec

pytestmark = pytest.mark.usefixtures("backend")
KINDS = ("ecg_transformer", "heartbeit", "heartbeit_1d")


def masked(kind, rate=0.4):
    from kerasmed.models.pretraining import build_pretraining

    return build_pretraining(SMALL_MODELS[kind], toy_spec(), Pretraining(mask_rate=rate))


def signals(num_examples=4):
    return toy_arrays(num_examples)[0]["signal"].astype(np.float32) * 1e-3


def layer_of(model, name):
    return next(layer for layer in model.layers if type(layer).__name__ == name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pretraining_gives_one_finite_error_for_each_example(kind):
    errors = masked(kind).predict({"signal": signals()}, verbose=0)["patches"]
    assert errors.shape == (4, 1)
    assert np.all(np.isfinite(errors))
    assert np.all(errors > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_has_the_layers_of_the_network_that_it_is_for(kind):
    shapes = {
        weight.path: tuple(weight.shape)
        for weight in build(SMALL_MODELS[kind], toy_spec()).weights
        if weight.path.startswith("encoder")
    }
    found = {weight.path: tuple(weight.shape) for weight in masked(kind).weights}
    assert len(shapes) > 10
    assert shapes.items() <= found.items()


def told(model, start, values):
    """What is hidden and what is predicted, from the layer output `start` on."""
    import keras
    from keras import ops

    inner = keras.Model(start, [layer_of(model, "HidePatches").output, model.get_layer("decoder").output])
    return [ops.convert_to_numpy(found) for found in inner(values)]


@pytest.mark.parametrize("kind", ["ecg_transformer", "heartbeit_1d"])
def test_hidden_samples_do_not_reach_the_prediction(kind):
    model, signal = masked(kind), signals(1)
    hidden, before = told(model, model.input["signal"], signal)
    of_patch = np.repeat(hidden[0, :, 0], before.shape[-1] // signal.shape[-1])[: signal.shape[1]] > 0
    assert 0 < of_patch.sum() < len(of_patch)
    _, after = told(model, model.input["signal"], signal + 5 * of_patch[None, :, None])
    np.testing.assert_allclose(after, before, atol=1e-5)
    _, after = told(model, model.input["signal"], signal + 5 * ~of_patch[None, :, None])
    assert np.abs(after - before).max() > 1e-3


def test_hidden_pixels_do_not_reach_the_prediction():
    model, image = masked("heartbeit"), np.zeros((1, 32, 32, 3), np.float32)
    start = model.get_layer("image").output
    hidden, before = told(model, start, image)
    pixels = np.kron(hidden.reshape(4, 4), np.ones((8, 8), np.float32))[None, :, :, None]
    _, after = told(model, start, image + pixels)
    np.testing.assert_allclose(after, before, atol=1e-5)
    _, after = told(model, start, image + 1 - pixels)
    assert np.abs(after - before).max() > 1e-3


def test_in_training_each_example_hides_its_own_patches_and_always_as_many():
    from keras import ops

    from kerasmed.models.pretraining import HidePatches

    hide = HidePatches(4, 7)
    hidden = ops.convert_to_numpy(hide(np.zeros((32, 10, 3), np.float32), training=True))[..., 0]
    np.testing.assert_array_equal(hidden.sum(axis=1), 4)
    assert len(np.unique(hidden, axis=0)) > 10


def test_outside_training_the_same_patches_are_hidden_always():
    from keras import ops

    from kerasmed.models.pretraining import HidePatches

    first, second = (ops.convert_to_numpy(HidePatches(4, seed)(np.zeros((3, 10, 3), np.float32))) for seed in (1, 2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first.sum(axis=1), 4)


def test_the_error_counts_hidden_patches_alone():
    from keras import ops

    from kerasmed.models.pretraining import MaskedError

    patches, predicted = np.zeros((1, 3, 2), np.float32), np.ones((1, 3, 2), np.float32)
    predicted[0, 2] = 3.0
    hidden = np.array([0, 1, 1], np.float32)[None, :, None]
    assert float(ops.convert_to_numpy(MaskedError()([patches, predicted, hidden]))[0, 0]) == pytest.approx((1 + 9) / 2)


def test_a_share_that_hides_nothing_is_refused():
    with pytest.raises(ConfigError, match="of 8 patches leaves none to hide or none to see"):
        masked("heartbeit_1d", rate=0.01)


def test_a_network_without_patches_cannot_be_pretrained():
    from kerasmed.models.pretraining import build_pretraining

    with pytest.raises(UnknownNameError, match="no network that can be pretrained named 'cnn_lstm'"):
        build_pretraining(SMALL_MODELS["cnn_lstm"], toy_spec(), Pretraining())
