"""Parts that several networks share."""

import random
from typing import Any

import keras

from kerasmed.config.model import CnnLstm, SeResNet1D
from kerasmed.spec import ExampleSpec

# Keras' default of 0.99 needs hundreds of steps to forget the start; short trainings end before that.
BATCH_NORM_MOMENTUM = 0.95


def open_inputs(spec: ExampleSpec) -> dict[str, Any]:
    """One float32 input of physical values for each array of the spec."""
    return {name: keras.Input(array.shape, dtype="float32", name=name) for name, array in spec.inputs.items()}


def dropout(rate: float) -> Any:
    """Dropout with a seed of its own.

    A dropout without one draws from the backend's global generator, which no checkpoint holds. The seed comes from
    python's generator, which `runtime.seed_everything` has set.
    """
    return keras.layers.Dropout(rate, seed=random.randrange(2**31))  # noqa: S311


def batch_norm() -> Any:
    """Batch normalisation that settles within one short epoch."""
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)


def head(x: Any, inputs: dict[str, Any], spec: ExampleSpec, config: SeResNet1D | CnnLstm) -> dict[str, Any]:
    """Logits by target from what a network has read off the signal, (batch, n), and every rank-1 input of the spec."""
    x = dropout(config.head_dropout_rate)(x)
    for name, array in spec.inputs.items():
        if len(array.shape) == 1:
            x = keras.layers.Concatenate()([x, _read_features(inputs[name], config)])
    if config.head_width:
        x = keras.layers.Dense(config.head_width, activation="relu")(x)
        x = dropout(config.head_dropout_rate)(x)
    return logits(x, spec)


def _read_features(features: Any, config: SeResNet1D | CnnLstm) -> Any:
    # Standardised by the training's own mean and deviation, which then travel with the model.
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, center=False, scale=False)(features)
    x = keras.layers.GaussianNoise(config.feature_noise, seed=random.randrange(2**31))(x)  # noqa: S311
    x = keras.layers.Dense(config.feature_width, activation="relu")(x)
    return dropout(config.dropout_rate)(x)


def logits(x: Any, spec: ExampleSpec) -> dict[str, Any]:
    """float32 logits (batch, num_classes) for each target of the spec."""
    return {
        name: keras.layers.Dense(len(target.classes), dtype="float32", name=name)(x)
        for name, target in spec.targets.items()
    }
