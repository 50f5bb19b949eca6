"""U-Net for pages of ECG paper: traces, grid, zero lines, the turn of the page, and the row of one strip's trace.

Nothing in it depends on the size of a page, so that what was trained on crops reads a whole page in one pass; height
and width are multiples of 2 for each halving.
"""

from typing import Any

import keras
from keras import layers, ops

from kerasmed.config.unet import EcgUnet
from kerasmed.errors import ConfigError
from kerasmed.models.blocks import batch_norm, dropout, open_inputs
from kerasmed.spec import ExampleSpec

STRIP_LEVEL = 2  # how often the page was halved where the branch that follows one strip begins
NEAR_PX = 40.0  # distances up to about this are told apart
FULL_TURN_UNIT_DEG = 10.0  # the network's own unit of angles


def build_ecg_unet(config: EcgUnet, spec: ExampleSpec) -> keras.Model:
    """From a picture and the line of a strip to maps of the picture's size, logits by target name.

    The input "row" says of which strip `signal` is asked: the row of its zero line at column 0, and its slope. Only the
    branch of `signal` reads it, so the other answers are the same whatever is asked.

    Raises:
        ConfigError: The examples ask for classes.
    """
    if not spec.asks_for_maps:
        raise ConfigError(
            "ecg_unet answers with maps of pages, and this dataset asks for classes; choose another model."
        )
    inputs = open_inputs(spec)
    page, row = inputs["image"], inputs["row"]  # (height, width, 3), (2,)
    skips: list[Any] = []
    x = page
    for place, width in enumerate(config.widths):
        x = _convolve(x, width, stride=1 if place == 0 else 2)  # (height / 2, width / 2, width)
        x = _convolve(x, width)
        skips.append(x)
    x = dropout(config.dropout_rate, (None, 1, 1, None))(x)
    turn = layers.Dense(32, activation="relu")(layers.GlobalAveragePooling2D()(x))
    strip = x
    for place in reversed(range(len(config.widths) - 1)):
        x = _convolve(_enlarged(x, skips[place]), config.widths[place])
        if place == STRIP_LEVEL:
            strip = _follow(x, row, config.strip_width)
    logits = {
        **{name: _map(x, len(spec.targets[name].classes), name) for name in ("seg", "grid", "baseline")},
        "theta": layers.Rescaling(FULL_TURN_UNIT_DEG, dtype="float32", name="theta")(
            layers.Dense(1, dtype="float32", name="theta_units")(turn)
        ),
        "signal": _places(x, strip, row),
    }
    return keras.Model(inputs, logits, name="ecg_unet")


def _convolve(x: Any, width: int, stride: int = 1, dilation: int = 1) -> Any:
    x = layers.Conv2D(width, 3, stride, padding="same", dilation_rate=dilation, use_bias=False)(x)
    return layers.Activation("relu")(batch_norm()(x))


def _enlarged(x: Any, skip: Any) -> Any:
    """`x` at the size of `skip`, in as many channels, added to it (LinkNet's skips, arXiv:1707.03718)."""
    return layers.Add()([_upward(x, skip.shape[-1], 2), skip])


def _upward(x: Any, width: int, factor: int) -> Any:
    # Transposed convolutions and no resizing, which TensorFlow refuses for pages whose size the graph does not know.
    return layers.Conv2DTranspose(width, factor, factor, use_bias=False)(x)


def _follow(x: Any, row: Any, width: int) -> Any:
    """What is known of the one strip at `row`, wide enough around for a trace to be followed through a neighbour's."""
    x = layers.Concatenate()([x, StripDistance(2**STRIP_LEVEL)([x, row])])
    for dilation in (1, 2, 4):
        x = _convolve(x, width, dilation=dilation)
    return x


def _places(x: Any, strip: Any, row: Any) -> Any:
    """Logits (height, width) of each row of a column."""
    near = _upward(strip, x.shape[-1], 2**STRIP_LEVEL)
    x = _convolve(layers.Concatenate()([layers.Add()([x, near]), StripDistance(1)([x, row])]), x.shape[-1])
    return DropChannel(dtype="float32", name="signal")(_map(x, 1, "signal_places"))


def _map(x: Any, channels: int, name: str) -> Any:
    return layers.Conv2D(channels, 1, dtype="float32", name=name)(x)


@keras.saving.register_keras_serializable(package="kerasmed")
class StripDistance(layers.Layer):
    """How far each pixel is below the line of a strip: near 0 at the line, towards -1 and 1 far above and below.

    Args:
        stride: Pixels of the page, along each axis, that a pixel of the feature map stands for.
    """

    def __init__(self, stride: int, **options: Any) -> None:
        # Half precision would not count the columns of a page.
        super().__init__(**{**options, "dtype": "float32"})
        self.stride = stride

    def call(self, inputs: Any) -> Any:
        """(batch, height, width, 1) of a feature map (batch, height, width, n) and lines (batch, 2) in page pixels."""
        features, row = inputs
        # Sums of ones and not a range of the shape, which is not known when a graph is exported.
        ones = ops.ones_like(ops.mean(features, axis=-1, keepdims=True))
        down, right = ((ops.cumsum(ones, axis=axis) - 0.5) * self.stride - 0.5 for axis in (1, 2))
        line = ops.reshape(row, (-1, 1, 1, 2))
        start, slope = ops.split(line, 2, axis=-1)
        return ops.tanh((down - start - slope * right) / NEAR_PX)

    def compute_output_shape(self, shapes: Any) -> tuple[Any, ...]:
        """One channel of the feature map."""
        return (*shapes[0][:-1], 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable(package="kerasmed")
class DropChannel(layers.Layer):
    """(batch, height, width) of (batch, height, width, 1)."""

    def call(self, x: Any) -> Any:
        """Without the last axis."""
        return ops.squeeze(x, axis=-1)
