"""Parts that several networks share."""

import random
from typing import Any

import keras
from keras import layers

from kerasmed.config.network import NetworkConfig
from kerasmed.spec import ExampleSpec, TargetSpec

# Keras' default of 0.99 needs hundreds of steps to forget the start; short trainings end before that.
BATCH_NORM_MOMENTUM = 0.95


def open_inputs(spec: ExampleSpec) -> dict[str, Any]:
    """One float32 input of physical values for each array of the spec."""
    return {name: keras.Input(array.shape, dtype="float32", name=name) for name, array in spec.inputs.items()}


def dropout(rate: float, noise_shape: tuple[int | None, ...] | None = None, name: str | None = None) -> Any:
    """Dropout with a seed of its own.

    A dropout without one draws from the backend's global generator, which no checkpoint holds. The seed comes from
    python's generator, which `runtime.seed_everything` has set.

    Args:
        rate: Chance of a value to be dropped.
        noise_shape: Where 1 stands along an axis, its values are dropped together; None is the axis' own length.
        name: Of the layer.
    """
    return layers.Dropout(rate, noise_shape, seed=random.randrange(2**31), name=name)  # noqa: S311


def batch_norm(**options: Any) -> Any:
    """Batch normalisation that settles within one short epoch."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, **options)


def standardised(x: Any) -> Any:
    """Each example of `x` (batch, depth, height, width, channels) less its own mean, over its own deviation."""
    return layers.LayerNormalization((1, 2, 3, 4), epsilon=1e-6, center=False, scale=False, dtype="float32")(x)


def pooled_and_hidden(x: Any, width: int, dropout_rate: float) -> Any:
    """(batch, width): mean and maximum of `x` (batch, time, n) over time, read by one hidden layer.

    The head of the networks of the PTB-XL benchmark (Strodthoff et al., arXiv:2004.13701), less its last layer.
    """
    pooled = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
    x = dropout(dropout_rate)(batch_norm()(layers.Concatenate()(pooled)))
    return batch_norm()(layers.Dense(width, activation="relu")(x))


def head(
    x: Any, inputs: dict[str, Any], spec: ExampleSpec, config: NetworkConfig, kernel: Any = "glorot_uniform"
) -> dict[str, Any]:
    """Logits by target: what the signal says plus what the rank-1 inputs say.

    The two are added as logits and not joined earlier: a layer over both learns the training patients' combinations of
    shape and rhythm, and does worse on new ones (docs/decisions/0010).

    Args:
        x: (batch, n), what a network has read off the signal.
        inputs: Of the model, by name.
        spec: Of the examples.
        config: Widths and rates.
        kernel: Initializer of the layer that reads `x`.
    """
    x = dropout(config.head_dropout_rate)(x)
    features = [inputs[name] for name, array in spec.inputs.items() if len(array.shape) == 1]
    if not features:
        return {name: _logits(x, target, kernel, name) for name, target in spec.targets.items()}
    read = _read_features(features, config)
    return {
        name: layers.Add(dtype="float32", name=name)([_logits(x, target, kernel), _logits(read, target)])
        for name, target in spec.targets.items()
    }


def _read_features(features: list[Any], config: NetworkConfig) -> Any:
    # Standardised by the training's own mean and deviation, which then travel with the model.
    standardised = [batch_norm(center=False, scale=False)(values) for values in features]
    x = layers.Concatenate()(standardised) if len(standardised) > 1 else standardised[0]
    x = layers.GaussianNoise(config.feature_noise, seed=random.randrange(2**31))(x)  # noqa: S311
    for width in config.feature_widths:
        x = dropout(config.dropout_rate)(layers.Dense(width, activation="relu")(x))
    return x


def _logits(x: Any, target: TargetSpec, kernel: Any = "glorot_uniform", name: str | None = None) -> Any:
    return layers.Dense(len(target.classes), kernel_initializer=kernel, dtype="float32", name=name)(x)
