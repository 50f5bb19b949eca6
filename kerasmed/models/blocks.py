"""Parts that several networks share."""

import random
from typing import Any

import keras
from keras import layers

from kerasmed.config.model import CnnLstm, CustomCnn, SeResNet1D
from kerasmed.spec import ExampleSpec, TargetSpec

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
    return layers.Dropout(rate, seed=random.randrange(2**31))  # noqa: S311


def batch_norm(**options: Any) -> Any:
    """Batch normalisation that settles within one short epoch."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, **options)


def head(x: Any, inputs: dict[str, Any], spec: ExampleSpec, config: SeResNet1D | CnnLstm | CustomCnn) -> dict[str, Any]:
    """Logits by target: what the signal says plus what the rank-1 inputs say.

    The two are added as logits and not joined earlier: a layer over both learns the training patients' combinations of
    shape and rhythm, and does worse on new ones (docs/decisions/0010).

    Args:
        x: (batch, n), what a network has read off the signal.
        inputs: Of the model, by name.
        spec: Of the examples.
        config: Widths and rates.
    """
    x = dropout(config.head_dropout_rate)(x)
    features = [inputs[name] for name, array in spec.inputs.items() if len(array.shape) == 1]
    if not features:
        return logits(x, spec)
    read = _read_features(features, config)
    return {
        name: layers.Add(dtype="float32", name=name)([_logits(x, target), _logits(read, target)])
        for name, target in spec.targets.items()
    }


def _read_features(features: list[Any], config: SeResNet1D | CnnLstm | CustomCnn) -> Any:
    # Standardised by the training's own mean and deviation, which then travel with the model.
    standardised = [batch_norm(center=False, scale=False)(values) for values in features]
    x = layers.Concatenate()(standardised) if len(standardised) > 1 else standardised[0]
    x = layers.GaussianNoise(config.feature_noise, seed=random.randrange(2**31))(x)  # noqa: S311
    for width in config.feature_widths:
        x = dropout(config.dropout_rate)(layers.Dense(width, activation="relu")(x))
    return x


def logits(x: Any, spec: ExampleSpec) -> dict[str, Any]:
    """float32 logits (batch, num_classes) for each target of the spec."""
    return {name: _logits(x, target, name) for name, target in spec.targets.items()}


def _logits(x: Any, target: TargetSpec, name: str | None = None) -> Any:
    return layers.Dense(len(target.classes), dtype="float32", name=name)(x)
