"""EfficientNetB0: inverted residuals with squeeze-and-excitation, layer by layer that of keras.applications.

Its `Normalization` layer is left out: its constants do not survive every export. What it does is in `read_grey`.
"""

from typing import Any

import keras
from keras import layers

from kerasmed.config.pictures import EfficientNetB0
from kerasmed.models.blocks import dropout, head, open_inputs
from kerasmed.models.imagenet import in_stage, normed, read_grey
from kerasmed.spec import ExampleSpec

KERNELS, STRIDES, EXPANSIONS = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1), (1, 6, 6, 6, 6, 6, 6)  # of the stages
SQUEEZE = 4  # reduction of squeeze-and-excitation
EPSILON = 1e-3


def build_efficientnet_b0(config: EfficientNetB0, spec: ExampleSpec) -> keras.Model:
    """Stem that halves height and width, seven stages of which four halve them, global mean."""
    inputs = open_inputs(spec)
    stages = len(config.stage_widths)
    x = read_grey(inputs, spec, "torch", halvings=1 + STRIDES[:stages].count(2))  # (height, width, 3)
    x = layers.ZeroPadding2D(_margins(x, 3), name=in_stage(None, "stem_conv_pad"))(x)
    x = _convolved(x, config.stem_width, 3, in_stage(None, "stem_conv"), strides=2, padding="valid")
    x = _activated(x, in_stage(None, "stem"))  # (height / 2, width / 2, stem_width)
    done, total = 0, sum(config.stage_blocks)
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for number in range(blocks):
            name = in_stage(stage, f"block{stage + 1}{chr(ord('a') + number)}")
            stride = STRIDES[stage] if number == 0 else 1
            x = _inverted(
                x, width, KERNELS[stage], stride, EXPANSIONS[stage], config.drop_path_rate * done / total, name
            )
            done += 1
    x = _convolved(x, config.top_width, 1, in_stage(stages - 1, "top_conv"))
    x = _activated(x, in_stage(stages - 1, "top"))
    x = layers.GlobalAveragePooling2D()(x)  # (top_width,)
    return keras.Model(inputs, head(x, inputs, spec, config), name="efficientnet_b0")


def _inverted(x: Any, width: int, kernel: int, stride: int, expansion: int, path_rate: float, name: str) -> Any:
    read, entering = x, x.shape[-1]
    if expansion > 1:
        x = _convolved(x, entering * expansion, 1, f"{name}_expand_conv")
        x = normed(x, f"{name}_expand", "swish", "activation", epsilon=EPSILON)
    if stride == 2:
        x = layers.ZeroPadding2D(_margins(x, kernel), name=f"{name}_dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="valid" if stride == 2 else "same", use_bias=False,
        depthwise_initializer=_start(), name=f"{name}_dwconv",
    )(x)  # fmt: skip
    x = _activated(x, name)
    x = layers.Multiply(name=f"{name}_se_excite")([x, _excitation(x, max(1, entering // SQUEEZE), name)])
    x = normed(_convolved(x, width, 1, f"{name}_project_conv"), f"{name}_project", None, epsilon=EPSILON)
    if stride > 1 or entering != width:
        return x
    if path_rate:
        x = dropout(path_rate, (None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, read])


def _excitation(x: Any, squeezed: int, name: str) -> Any:
    channels = x.shape[-1]
    x = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_squeeze")(x)
    x = _convolved(x, squeezed, 1, f"{name}_se_reduce", activation="swish", use_bias=True)
    return _convolved(x, channels, 1, f"{name}_se_expand", activation="sigmoid", use_bias=True)


def _activated(x: Any, name: str) -> Any:
    return normed(x, name, "swish", "activation", epsilon=EPSILON)


def _convolved(x: Any, width: int, kernel: int, name: str, **options: Any) -> Any:
    settings = {"padding": "same", "use_bias": False, "kernel_initializer": _start(), **options}
    return layers.Conv2D(width, kernel, name=name, **settings)(x)


def _start() -> Any:
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def _margins(x: Any, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros above, below, left and right, with which a convolution of stride 2 meets the last pixel."""
    after = kernel // 2
    (above, left) = (after if side is not None and side % 2 else after - 1 for side in x.shape[1:3])
    return (above, after), (left, after)
