"""Plain 2-D CNN: convolutions, batch normalisation and pooling, for pictures of any size."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.model import CustomCnn
from kerasmed.models.blocks import batch_norm, dropout, head, open_inputs
from kerasmed.models.encoder import block_name
from kerasmed.spec import ExampleSpec


def build_custom_cnn(config: CustomCnn, spec: ExampleSpec) -> keras.Model:
    """Blocks that halve height and width, global mean, one dense layer; rank-1 inputs join at the logits."""
    inputs = open_inputs(spec)
    x = inputs["image"]  # (height, width, channels)
    if config.standardise:
        x = layers.LayerNormalization(
            (1, 2, 3), epsilon=1e-6, center=False, scale=False, name="standardised", dtype="float32"
        )(x)
    stride = config.stem_stride
    for place, (width, convolutions) in enumerate(zip(config.widths, config.convolutions, strict=True)):
        name = block_name(place)
        for number in range(1, convolutions + 1):
            x, stride = _convolve(x, width, stride, f"{name}_conv{number}"), 1
        if place < len(config.widths) - 1:
            x = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(x)  # (height / 2, width / 2, width)
        x = dropout(config.dropout_rate, name=f"{name}_drop")(x)
    x = layers.GlobalAveragePooling2D()(x)  # (width of the last block,)
    x = layers.Activation("relu")(batch_norm()(layers.Dense(config.dense_width, use_bias=False)(x)))
    return keras.Model(inputs, head(x, inputs, spec, config), name="custom_cnn")


def _convolve(x: Any, width: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=name)(x)
    return layers.Activation("relu", name=f"{name}_relu")(batch_norm(name=f"{name}_bn")(x))
