"""xresnet1d: bottleneck blocks of a bag of tricks over time; with 101 layers the reference of the PTB-XL benchmark."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.model import XResNet1D
from kerasmed.models.blocks import batch_norm, head, open_inputs, pooled_and_hidden
from kerasmed.spec import ExampleSpec


def build_xresnet1d(config: XResNet1D, spec: ExampleSpec) -> keras.Model:
    """Network `xresnet1d` of Strodthoff et al. (arXiv:2004.13701); rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    x = inputs["signal"]
    for place, width in enumerate(config.stem_widths):
        x = _conv(x, width, config.kernel, stride=1 if place else 2)  # (time / 2, width)
    x = layers.MaxPooling1D(3, 2, padding="same")(x)  # (time / 4, width)
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for block in range(blocks):
            x = _bottleneck(x, width, 2 if stage and not block else 1, config)
    x = pooled_and_hidden(x, config.hidden_width, config.dropout_rate)  # (hidden_width,)
    return keras.Model(inputs, head(x, inputs, spec, config), name="xresnet1d")


def _bottleneck(x: Any, width: int, stride: int, config: XResNet1D) -> Any:
    out_width, shortcut = width * config.expansion, x
    if stride != 1:
        # Averaged and not skipped: a strided 1x1 convolution would not look at half of the input (arXiv:1812.01187).
        shortcut = layers.AveragePooling1D(2, stride, padding="same")(shortcut)
    if x.shape[-1] != out_width:
        shortcut = _conv(shortcut, out_width, 1, active=False)
    x = _conv(x, width, 1)
    x = _conv(x, width, config.kernel, stride)
    # A last scale of 0 makes every block start as its shortcut.
    x = _conv(x, out_width, 1, active=False, gamma_initializer="zeros")
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def _conv(x: Any, width: int, kernel: int, stride: int = 1, active: bool = True, **norm: Any) -> Any:
    x = layers.Conv1D(width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = batch_norm(**norm)(x)
    return layers.Activation("relu")(x) if active else x
