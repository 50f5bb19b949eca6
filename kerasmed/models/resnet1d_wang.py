"""resnet1d_wang: three residual blocks of one width, the strongest baseline of the PTB-XL benchmark."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.model import ResNet1DWang
from kerasmed.models.blocks import batch_norm, head, open_inputs, pooled_and_hidden
from kerasmed.spec import ExampleSpec


def build_resnet1d_wang(config: ResNet1DWang, spec: ExampleSpec) -> keras.Model:
    """Network `resnet1d_wang` of Strodthoff et al. (arXiv:2004.13701); rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    x = layers.Conv1D(config.width, config.stem_kernel, padding="same", use_bias=False)(inputs["signal"])
    x = layers.Activation("relu")(batch_norm()(x))  # (time, width)
    for block in range(config.num_blocks):
        x = _residual_block(x, 2 if block else 1, config)  # halves time, but for the first
    x = pooled_and_hidden(x, config.hidden_width, config.dropout_rate)  # (hidden_width,)
    return keras.Model(inputs, head(x, inputs, spec, config), name="resnet1d_wang")


def _residual_block(x: Any, stride: int, config: ResNet1DWang) -> Any:
    first, second = config.kernels
    shortcut = x
    if stride != 1:
        shortcut = batch_norm()(layers.Conv1D(config.width, 1, stride, padding="same", use_bias=False)(x))
    x = layers.Conv1D(config.width, first, stride, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(batch_norm()(x))
    x = batch_norm()(layers.Conv1D(config.width, second, padding="same", use_bias=False)(x))
    return layers.Activation("relu")(layers.Add()([x, shortcut]))
