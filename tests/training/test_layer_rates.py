"""Layers of an encoder learn at rates of their own, by every optimizer, on every backend."""

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError
from tests.fakes.toy import toy_config, toy_spec, toy_stream

pytestmark = pytest.mark.usefixtures("backend")
PATHS = ["encoder_embedding/kernel", "encoder_00_attention/query/kernel", "encoder_01_mlp1/bias", "dense_3/kernel"]


def test_the_rate_falls_from_the_head_to_the_embedding():
    from kerasmed.training.layer_rates import layer_rates

    assert layer_rates(PATHS, 0.5) == [0.125, 0.25, 0.5, 1.0]


def test_a_network_without_an_encoder_has_no_layers_to_count():
    from kerasmed.training.layer_rates import layer_rates

    with pytest.raises(ConfigError, match=r"trainer.layer_decay needs a network whose blocks are counted"):
        layer_rates(["conv1d/kernel", "dense_3/kernel"], 0.5)


def moved(optimizer, rates):
    """How far one step moves each of three equal variables, and where they end."""
    import keras
    from keras import ops

    from kerasmed.training.optimizer import build_optimizer
    from kerasmed.training.variables import read_variables

    variables = [keras.Variable(np.full((2, 2), 3.0, np.float32), name=f"kernel{i}") for i in range(3)]
    config = Trainer(
        optimizer=optimizer, learning_rate=0.1, schedule="constant", warmup_epochs=0, clip_norm=None, weight_decay=0.5
    )
    stepping = build_optimizer(config, 1, rates)
    stepping.build(variables)
    stepping.apply([ops.convert_to_tensor(np.full((2, 2), 0.25, np.float32)) for _ in variables], variables)
    return [float((3.0 - value).mean()) for value in read_variables(variables)]


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_step_is_as_long_as_the_rate_says(optimizer):
    half, whole, none = moved(optimizer, [0.5, 1.0, 0.0])
    assert whole > 0
    assert half == pytest.approx(whole / 2, rel=0.02)
    assert none == 0


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_at_a_rate_of_one_the_step_is_that_of_the_plain_optimizer(optimizer):
    assert moved(optimizer, [1.0] * 3) == pytest.approx(moved(optimizer, None), rel=1e-5)


def test_the_variables_of_a_training_get_the_rates_of_their_layers():
    from kerasmed.training.fit import compile_trainee

    config = toy_config("heartbeit_1d", layer_decay=0.5)
    trainee = compile_trainee(build(config.model, toy_spec()), toy_spec(), toy_stream(), config)
    paths = [variable.path for variable in trainee.trainable_variables]
    rates = dict(zip(paths, trainee.optimizer.rates, strict=True))
    assert rates["encoder_embedding/kernel"] == 0.125
    assert rates["encoder_01_attention/relative_bias"] == 0.5
    assert rates["pooled_norm/gamma"] == 1.0
