"""VGG16: stages of plain 3x3 convolutions, layer by layer that of keras.applications; then their mean."""

import keras
from keras import layers

from kerasmed.config.pictures import Vgg16
from kerasmed.models.blocks import batch_norm, head, open_inputs
from kerasmed.models.imagenet import in_stage, read_grey
from kerasmed.spec import ExampleSpec


def build_vgg16(config: Vgg16, spec: ExampleSpec) -> keras.Model:
    """Stages that halve height and width, global mean; rank-1 inputs join at the logits."""
    inputs = open_inputs(spec)
    x = read_grey(inputs, spec, "caffe", halvings=len(config.widths))  # (height, width, 3)
    for stage, (width, convolutions) in enumerate(zip(config.widths, config.convolutions, strict=True)):
        for number in range(1, convolutions + 1):
            name = in_stage(stage, f"block{stage + 1}_conv{number}")
            if config.batch_norm:
                x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)
                x = layers.Activation("relu", name=f"{name}_relu")(batch_norm(name=f"{name}_bn")(x))
            else:
                x = layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=in_stage(stage, f"block{stage + 1}_pool"))(x)  # (height / 2, width / 2, width)
    x = layers.GlobalAveragePooling2D()(x)  # (width of the last stage,)
    return keras.Model(inputs, head(x, inputs, spec, config), name="vgg16")
