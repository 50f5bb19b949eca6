"""Residual networks of volumes: whole 3-D convolutions (R3D), or each split into plane and line (R(2+1)D)."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerasmed.config.volumetric import R2Plus1D, ResNet3D
from kerasmed.models.blocks import batch_norm, dropout, head, open_inputs, standardised
from kerasmed.models.conv3d import Conv3D
from kerasmed.spec import ExampleSpec

Axes = tuple[int, int, int]
# (x, width, kernel, stride) -> convolved, not yet normalised.
Convolve = Callable[[Any, int, Axes, Axes], Any]
CUBE, ONE = (3, 3, 3), (1, 1, 1)


def build_resnet3d(config: ResNet3D, spec: ExampleSpec) -> keras.Model:
    """R3D: basic blocks, global mean; rank-1 inputs join at the logits."""
    return _build(config, spec, _whole, "resnet3d")


def build_r2plus1d(config: R2Plus1D, spec: ExampleSpec) -> keras.Model:
    """R(2+1)D: `build_resnet3d` with as many weights, a non-linearity more in each convolution."""
    return _build(config, spec, _plane_and_line, "r2plus1d")


def _build(config: ResNet3D, spec: ExampleSpec, convolve: Convolve, name: str) -> keras.Model:
    inputs = open_inputs(spec)
    x = inputs["volume"]  # (depth, height, width, channels)
    if config.standardise:
        x = standardised(x)
    x = _active(convolve(x, config.stem_width, config.stem_kernel, config.stem_stride))  # (depth / 2, ..., stem_width)
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for block in range(blocks):
            x = _basic_block(x, width, 2 if stage and not block else 1, convolve)  # halves, sets width
        x = dropout(config.dropout_rate)(x)
    x = layers.GlobalAveragePooling3D()(x)  # (width of the last stage,)
    return keras.Model(inputs, head(x, inputs, spec, config), name=name)


def _basic_block(x: Any, width: int, stride: int, convolve: Convolve) -> Any:
    strides, shortcut = (stride, stride, stride), x
    if stride != 1 or x.shape[-1] != width:
        shortcut = batch_norm()(_whole(x, width, ONE, strides))
    x = _active(convolve(x, width, CUBE, strides))
    # A last scale of 0 makes every block start as its shortcut.
    x = batch_norm(gamma_initializer="zeros")(convolve(x, width, CUBE, ONE))
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def _whole(x: Any, width: int, kernel: Axes, stride: Axes) -> Any:
    return Conv3D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)  # fmt: skip


def _plane_and_line(x: Any, width: int, kernel: Axes, stride: Axes) -> Any:
    """A convolution within each plane, then one along the depth; between them as many channels as keep the weights."""
    depth, height, across = kernel
    before = x.shape[-1]
    between = max(1, depth * height * across * before * width // (height * across * before + depth * width))
    plane = _active(_whole(x, between, (1, height, across), (1, *stride[1:])))
    return _whole(plane, width, (depth, 1, 1), (stride[0], 1, 1))


def _active(x: Any) -> Any:
    return layers.Activation("relu")(batch_norm()(x))
