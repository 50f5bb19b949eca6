"""What the networks of keras.applications share: how they read pictures, and how their layers are called.

Their layers carry the names that keras.applications gives them, each behind the name of its stage, so that ImageNet's
weights find their place, and a pretrained encoder is handed over, frozen and slowed down as that of a transformer is.
"""

import re
from typing import Any, Literal

from keras import layers

from kerasmed.errors import ConfigError
from kerasmed.models.blocks import batch_norm
from kerasmed.models.encoder import EMBEDDING, block_name
from kerasmed.spec import ExampleSpec

# Mean and deviation of ImageNet's red, green and blue, from 0 to 1 ("torch" in keras.applications.imagenet_utils).
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Means of blue, green and red, from 0 to 255 ("caffe" there).
MEAN_BGR = (103.939, 116.779, 123.68)
EPSILON = 1.001e-5  # of the batch normalisation of ResNet and DenseNet
_STAGE = re.compile(rf"(?:{EMBEDDING}|{block_name(0)[:-2]}\d\d)_")


def read_grey(inputs: dict[str, Any], spec: ExampleSpec, scaling: Literal["torch", "caffe"], halvings: int) -> Any:
    """(batch, height, width, 3) as the weights of the family expect it, from grey pictures from 0 to 1.

    Args:
        inputs: Of the model.
        spec: Of the examples.
        scaling: Of the family.
        halvings: How often the network halves height and width.

    Raises:
        ConfigError: The pictures are not grey, or too small to be halved so often.
    """
    height, width, channels = spec.inputs["image"].shape
    if channels != 1:
        raise ConfigError(f"this network reads grey pictures of one channel, not of {channels}.")
    smallest = min(side for side in (height, width, 2**halvings) if side is not None)
    if smallest < 2**halvings:
        raise ConfigError(
            f"this network halves a picture {halvings} times, and {smallest} pixels are too few: write "
            f"dataset.examples.height and dataset.examples.width of at least {2**halvings}, or model=custom_cnn."
        )
    x = layers.Concatenate(dtype="float32", name="three_channels")([inputs["image"]] * 3)
    if scaling == "torch":
        scale, offset = (
            [1 / each for each in DEVIATION],
            [-mean / each for mean, each in zip(MEAN, DEVIATION, strict=True)],
        )
    else:  # grey has its blue where others have their red
        scale, offset = [255.0] * 3, [-mean for mean in MEAN_BGR]
    return layers.Rescaling(scale, offset, dtype="float32", name="as_imagenet")(x)


def in_stage(stage: int | None, name: str) -> str:
    """The name of a layer of a stage, or of the stem (None), that is called `name` in keras.applications."""
    return f"{EMBEDDING if stage is None else block_name(stage)}_{name}"


def original_name(name: str) -> str | None:
    """What keras.applications calls the layer `name`; None of what it does not have."""
    found = _STAGE.match(name)
    return name[found.end() :] if found else None


def normed(x: Any, name: str, activation: str | None = "relu", suffix: str = "relu", **options: Any) -> Any:
    """`x`, normalised by the layer `name`_bn and activated by `name`_`suffix`."""
    x = batch_norm(name=f"{name}_bn", **options)(x)
    return x if activation is None else layers.Activation(activation, name=f"{name}_{suffix}")(x)
