"""Plain 3-D CNN: convolution, batch normalisation and pooling in each block, then one dense layer."""

import keras
from keras import layers

from kerasmed.config.volumetric import Cnn3D
from kerasmed.models.blocks import batch_norm, dropout, head, open_inputs, standardised
from kerasmed.models.conv3d import Conv3D
from kerasmed.spec import ExampleSpec


def build_cnn3d(config: Cnn3D, spec: ExampleSpec) -> keras.Model:
    """Blocks that halve each axis, all that is left into one dense layer; rank-1 inputs join at the logits."""
    inputs = open_inputs(spec)
    x = inputs["volume"]  # (depth, height, width, channels)
    if config.standardise:
        x = standardised(x)
    for place, width in enumerate(config.widths):
        stride = 1 if place else config.stem_stride
        x = Conv3D(width, config.kernel, stride, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(batch_norm()(x))
        x = layers.MaxPooling3D(config.pool, padding="same")(x)  # (depth / 2, height / 2, width / 2, width)
        x = dropout(config.dropout_rate)(x)
    x = layers.Dense(config.dense_width, use_bias=False)(layers.Flatten()(x))
    x = layers.Activation("relu")(batch_norm()(x))
    return keras.Model(inputs, head(x, inputs, spec, config), name="cnn3d")
