import numpy as np
import pytest

from kerasmed.config.run import Trainer

STEPS = 4


@pytest.fixture(autouse=True)
def _tensorflow_alone(backend):
    if backend != "tensorflow":
        pytest.skip("TensorFlow alone has these kernels")


def stepped(optimizer, gradients_of):
    """Every variable of an optimizer, and what it trains, after some steps."""
    import keras

    start = np.random.default_rng(0)
    variables = [keras.Variable(start.normal(size=shape), dtype="float32", name=name) for name, shape in
                 (("kernel", (5, 3)), ("bias", (3,)), ("table", (4, 2)))]  # fmt: skip
    optimizer.build(variables)
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        optimizer.apply(gradients_of(rng), variables)
    return [np.asarray(variable) for variable in [*variables, *optimizer.variables]]


def dense(rng):
    import tensorflow as tf

    return [tf.constant(rng.normal(size=shape), tf.float32) for shape in ((5, 3), (3,), (4, 2))]


def read_by_places(rng):
    """As `dense`, but of the table only what was read of it, one place twice."""
    import tensorflow as tf

    kernel, bias, table = dense(rng)
    read = tf.IndexedSlices(tf.stack([table[0], table[2] - 1, tf.ones(2)]), tf.constant([0, 2, 2]), tf.constant([4, 2]))
    return [kernel, bias, read]


def summed(rng):
    import tensorflow as tf

    return [tf.convert_to_tensor(gradient) for gradient in read_by_places(rng)]


def pair(kind, rates=None, **settings):
    """Our optimizer, and one of the same class and settings as keras runs it."""
    from kerasmed.training.optimizer import build_optimizer

    config = Trainer(optimizer=kind, learning_rate=0.1, schedule="constant", warmup_epochs=0, **settings)
    ours, plain = (build_optimizer(config, 10, rates) for _ in range(2))
    methods = [name for name, value in vars(plain).items() if getattr(value, "__self__", None) is plain]
    assert len(methods) >= 3
    for name in methods:
        delattr(plain, name)
    return ours, plain


@pytest.mark.parametrize("rates", [None, [0.5, 1.0, 0.0]])
@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_steps_are_those_of_keras(kind, rates):
    ours, plain = pair(kind, rates, clip_norm=0.7, weight_decay=0.2, ema_decay=0.9)
    for found, wanted in zip(stepped(ours, dense), stepped(plain, dense), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_an_accumulated_step_is_that_of_keras():
    ours, plain = pair("adamw", clip_norm=0.7, accumulate_steps=2)
    for found, wanted in zip(stepped(ours, dense), stepped(plain, dense), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_what_was_read_twice_counts_as_its_sum(clip_norm):
    ours, same = pair("adam", clip_norm=clip_norm)[0], pair("adam", clip_norm=clip_norm)[0]
    for found, wanted in zip(stepped(ours, read_by_places), stepped(same, summed), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
