"""DenseNet121: every layer reads all before it in its stage; layer by layer that of keras.applications."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.pictures import DenseNet121
from kerasmed.models.blocks import batch_norm, head, open_inputs
from kerasmed.models.imagenet import EPSILON, in_stage, normed, read_grey
from kerasmed.models.resnet50 import stem
from kerasmed.spec import ExampleSpec

BOTTLENECK = 4  # width of a layer's first convolution, by what it adds


def build_densenet121(config: DenseNet121, spec: ExampleSpec) -> keras.Model:
    """Stem that quarters height and width, dense stages with transitions that halve them, global mean."""
    inputs = open_inputs(spec)
    stages = len(config.stage_blocks)
    x = read_grey(inputs, spec, "torch", halvings=stages + 1)  # (height, width, 3)
    x = stem(x, config.stem_width, use_bias=False)  # (height / 4, width / 4, stem_width)
    for stage, blocks in enumerate(config.stage_blocks):
        for number in range(1, blocks + 1):
            x = _grown(x, config.growth, in_stage(stage, f"conv{stage + 2}_block{number}"))
        if stage < stages - 1:
            x = _transition(x, in_stage(stage, f"pool{stage + 2}"))  # half of everything
    x = batch_norm(epsilon=EPSILON, name=in_stage(stages - 1, "bn"))(x)
    x = layers.Activation("relu", name=in_stage(stages - 1, "relu"))(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, head(x, inputs, spec, config), name="densenet121")


def _grown(x: Any, growth: int, name: str) -> Any:
    added = normed(x, f"{name}_0", epsilon=EPSILON)
    added = layers.Conv2D(BOTTLENECK * growth, 1, use_bias=False, name=f"{name}_1_conv")(added)
    added = normed(added, f"{name}_1", epsilon=EPSILON)
    added = layers.Conv2D(growth, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(added)
    return layers.Concatenate(name=f"{name}_concat")([x, added])


def _transition(x: Any, name: str) -> Any:
    x = normed(x, name, epsilon=EPSILON)
    x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)
