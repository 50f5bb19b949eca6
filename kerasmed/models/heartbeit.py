"""HeartBEiT: a BEiT encoder that reads the ECG as an image, or as patches of the signal."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.transformers import Heartbeit, Heartbeit1D
from kerasmed.models.attention import Grid
from kerasmed.models.blocks import head, open_inputs
from kerasmed.models.drawing import DrawLeads, require_room
from kerasmed.models.encoder import EMBEDDING, encode_tokens, mean_token, samples_of
from kerasmed.spec import ExampleSpec

# BEiT starts its last layer near 0: normal of 0.02, times 0.001.
HEAD_DEVIATION = 2e-5


def build_heartbeit(config: Heartbeit, spec: ExampleSpec) -> keras.Model:
    """The leads drawn as an image inside the graph, its patches as tokens; rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    patches = image_patches(draw(inputs["signal"], config), config)
    return _classifier(layers.Dense(config.dim, name=EMBEDDING)(patches), inputs, spec, config, image_grid(config))


def build_heartbeit_1d(config: Heartbeit1D, spec: ExampleSpec) -> keras.Model:
    """Patches of the signal as tokens; rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    patches = signal_patches(inputs["signal"], samples_of(config.patch_s, spec.inputs["signal"], "model.patch_s"))
    tokens = layers.Dense(config.dim, name=EMBEDDING)(patches)
    return _classifier(tokens, inputs, spec, config, (patches.shape[1],))


def draw(signal: Any, config: Heartbeit) -> Any:
    """(image_px, image_px, 3) from -1 to 1, of a signal (time, leads).

    Raises:
        ConfigError: The leads do not fit.
    """
    require_room(config.image_px, config.columns, *signal.shape[1:])
    return DrawLeads(config.image_px, config.columns, config.range_mv, dtype="float32", name="image")(signal)


def image_grid(config: Heartbeit) -> Grid:
    """Patches down and across."""
    return (config.image_px // config.patch_px,) * 2


def image_patches(image: Any, config: Heartbeit) -> Any:
    """(patches, patch_px * patch_px * channels), row by row."""
    (down, across), patch, channels = image_grid(config), config.patch_px, image.shape[-1]
    x = layers.Reshape((down, patch, across, patch * channels))(image)
    x = layers.Permute((1, 3, 2, 4))(x)
    return layers.Reshape((down * across, patch * patch * channels))(x)


def signal_patches(signal: Any, num_samples: int) -> Any:
    """(patches, num_samples * leads), one behind the other; the last one is filled up with zeros."""
    length, num_leads = signal.shape[1:]
    count = -(-length // num_samples)
    missing = count * num_samples - length
    padded = layers.ZeroPadding1D((0, missing))(signal) if missing else signal
    return layers.Reshape((count, num_samples * num_leads))(padded)


def _classifier(
    tokens: Any, inputs: dict[str, Any], spec: ExampleSpec, config: Heartbeit | Heartbeit1D, grid: Grid
) -> keras.Model:
    x = mean_token(encode_tokens(tokens, config, grid, config.layer_scale))  # (dim,)
    kernel = keras.initializers.RandomNormal(stddev=HEAD_DEVIATION)
    return keras.Model(inputs, head(x, inputs, spec, config, kernel), name=config.kind)
