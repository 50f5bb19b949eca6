"""ResNet50: residual bottlenecks, layer by layer that of keras.applications; then the mean over the picture."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.pictures import ResNet50
from kerasmed.models.blocks import head, open_inputs
from kerasmed.models.imagenet import EPSILON, in_stage, normed, read_grey
from kerasmed.spec import ExampleSpec

EXPANSION = 4


def build_resnet50(config: ResNet50, spec: ExampleSpec) -> keras.Model:
    """Stem that quarters height and width, stages that halve them, global mean; rank-1 inputs join at the logits."""
    inputs = open_inputs(spec)
    x = read_grey(inputs, spec, "caffe", halvings=len(config.stage_widths) + 1)  # (height, width, 3)
    x = stem(x, config.stem_width, use_bias=True)  # (height / 4, width / 4, stem_width)
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for number in range(1, blocks + 1):
            stride = 2 if stage > 0 and number == 1 else 1
            x = _bottleneck(x, width, stride, number == 1, in_stage(stage, f"conv{stage + 2}_block{number}"))
    x = layers.GlobalAveragePooling2D()(x)  # (EXPANSION * width of the last stage,)
    return keras.Model(inputs, head(x, inputs, spec, config), name="resnet50")


def stem(x: Any, width: int, use_bias: bool) -> Any:
    """(height / 4, width / 4, width): a 7x7 convolution and a maximum, both of stride 2, that DenseNet shares."""
    x = layers.ZeroPadding2D(3, name=in_stage(None, "conv1_pad"))(x)
    x = layers.Conv2D(width, 7, 2, use_bias=use_bias, name=in_stage(None, "conv1_conv"))(x)
    x = normed(x, in_stage(None, "conv1"), epsilon=EPSILON)
    x = layers.ZeroPadding2D(1, name=in_stage(None, "pool1_pad"))(x)
    return layers.MaxPooling2D(3, 2, name=in_stage(None, "pool1_pool"))(x)


def _bottleneck(x: Any, width: int, stride: int, widens: bool, name: str) -> Any:
    shortcut = x
    if widens:
        shortcut = layers.Conv2D(EXPANSION * width, 1, stride, name=f"{name}_0_conv")(x)
        shortcut = normed(shortcut, f"{name}_0", None, epsilon=EPSILON)
    x = layers.Conv2D(width, 1, stride, name=f"{name}_1_conv")(x)
    x = normed(x, f"{name}_1", epsilon=EPSILON)
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x)
    x = normed(x, f"{name}_2", epsilon=EPSILON)
    x = layers.Conv2D(EXPANSION * width, 1, name=f"{name}_3_conv")(x)
    x = normed(x, f"{name}_3", None, epsilon=EPSILON)
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))
