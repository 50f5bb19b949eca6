"""SE-ResNet1D: residual blocks over time, each channel weighted by what the whole window says of it."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.model import SeResNet1D
from kerasmed.models.blocks import batch_norm, dropout, head, open_inputs
from kerasmed.spec import ExampleSpec


def build_se_resnet1d(config: SeResNet1D, spec: ExampleSpec) -> keras.Model:
    """Network of Zhao et al. (CinC 2020), widths and depth as set; rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    x = _stem(inputs["signal"], config)  # (time / stem_stride, width)
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _residual_block(x, width, stride, config)
    pooled = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
    return keras.Model(inputs, head(layers.Concatenate()(pooled), inputs, spec, config), name="se_resnet1d")


def _stem(signal: Any, config: SeResNet1D) -> Any:
    x = layers.Conv1D(config.stem_width, config.stem_kernel, config.stem_stride, padding="same", use_bias=False)(signal)
    x = layers.Activation("relu")(batch_norm()(x))
    return layers.MaxPooling1D(3, 2, padding="same")(x) if config.stem_pool else x


def _residual_block(x: Any, width: int, stride: int, config: SeResNet1D) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = batch_norm()(layers.Conv1D(width, 1, stride, padding="same", use_bias=False)(x))
    x = layers.Conv1D(width, config.kernel, stride, padding="same", use_bias=False)(x)
    x = dropout(config.dropout_rate)(layers.Activation("relu")(batch_norm()(x)))
    x = batch_norm()(layers.Conv1D(width, config.kernel, padding="same", use_bias=False)(x))
    return layers.Activation("relu")(layers.Add()([_squeeze_excite(x, config.squeeze), shortcut]))


def _squeeze_excite(x: Any, reduction: int) -> Any:
    width = x.shape[-1]
    scale = layers.GlobalAveragePooling1D(keepdims=True)(x)  # (1, width)
    scale = layers.Dense(max(1, width // reduction), activation="relu")(scale)
    scale = layers.Dense(width, activation="sigmoid")(scale)
    return layers.Multiply()([x, scale])
