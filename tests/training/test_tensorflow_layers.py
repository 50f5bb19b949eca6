import numpy as np
import pytest

from kerasmed.build import build
from tests.fakes.toy import SMALL_MODELS, toy_physical, toy_spec

KINDS = ("se_resnet1d", "custom_cnn", "cnn3d")
RANDOM = ("dropout_rate", "head_dropout_rate", "feature_noise")


@pytest.fixture(autouse=True)
def _tensorflow_alone(backend):
    if backend != "tensorflow":
        pytest.skip("TensorFlow alone has these kernels")


def small(kind):
    """A network without chance."""
    from kerasmed.runtime import seed_everything

    seed_everything(0)
    config = SMALL_MODELS[kind]
    still = {name: 0.0 for name in RANDOM if name in type(config).model_fields}
    return build(config.model_copy(update=still), toy_spec(kind=kind))


def learned(model, kind):
    """Logits in training, gradients, and the moving averages behind them."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logits = model(toy_physical(8, kind), training=True)["label"]
        loss = tf.reduce_sum(logits**2)
    gradients = tape.gradient(loss, model.trainable_weights)
    return [value.numpy() for value in [logits, *gradients, *model.non_trainable_weights]]


@pytest.mark.parametrize("kind", KINDS)
def test_layers_as_tensorflow_runs_them_learn_and_answer_the_same(kind):
    from kerasmed.training.on_tensorflow.layers import use_kernels_of_tensorflow

    plain, changed = small(kind), small(kind)
    changed.set_weights(plain.get_weights())
    use_kernels_of_tensorflow(changed)
    for wanted, found in zip(learned(plain, kind), learned(changed, kind), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
    np.testing.assert_allclose(
        changed.predict_on_batch(toy_physical(8, kind))["label"],
        plain.predict_on_batch(toy_physical(8, kind))["label"],
        atol=1e-4,
    )


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (2, 3, 4, 3), (2, 2, 3, 2, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_moving_averages_are_those_of_keras(shape, affine):
    import keras

    from kerasmed.training.on_tensorflow.layers import use_kernels_of_tensorflow

    values = np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)
    plain, changed = (
        keras.Sequential([keras.layers.BatchNormalization(momentum=0.6, scale=affine, center=affine)]) for _ in range(2)
    )
    use_kernels_of_tensorflow(changed)
    answers = [np.asarray(model(values, training=True)) for model in (plain, changed)]
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-5)
    for wanted, found in zip(plain.non_trainable_weights, changed.non_trainable_weights, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5)


def test_no_class_and_no_setting_is_changed():
    from kerasmed.training.on_tensorflow.layers import use_kernels_of_tensorflow

    model = small("custom_cnn")
    before = model.get_config()
    use_kernels_of_tensorflow(model)
    changed = {type(layer).__name__ for layer in model._flatten_layers() if "call" in vars(layer)}
    assert changed == {"BatchNormalization"}
    assert model.get_config() == before
