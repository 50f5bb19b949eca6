"""Masked pretraining: some patches are hidden, and the encoder must tell from the others what stood there.

After He et al. (arXiv:2111.06377) and Bao et al. (arXiv:2106.08254): hidden tokens are replaced by one learned token, a
single layer predicts what they held. The network gives the error itself, so that no target has to be shipped.
"""

import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasmed.config.run import Pretraining
from kerasmed.config.transformers import EcgTransformer, Heartbeit, Heartbeit1D, TransformerConfig
from kerasmed.errors import ConfigError, unknown
from kerasmed.models.ecg_transformer import positioned, signal_tokens
from kerasmed.models.encoder import EMBEDDING, encode_tokens, samples_of
from kerasmed.models.heartbeit import draw, image_grid, image_patches, signal_patches
from kerasmed.spec import ExampleSpec, TargetSpec

TARGET = "patches"
# Added to the variance of a patch, mV squared: below 0.01 mV a lead is flat, and its noise nothing to learn.
FLAT = 1e-4
# (config, spec, signal, hide) -> what each patch holds, the encoded tokens, 1 where a patch was hidden.
Masked = Callable[[Any, ExampleSpec, Any, Callable[[Any], Any]], tuple[Any, Any, Any]]


def pretraining_spec(spec: ExampleSpec) -> ExampleSpec:
    """The signal alone, and as its target the patches themselves."""
    return ExampleSpec({"signal": spec.inputs["signal"]}, {TARGET: TargetSpec("masked_patches", ())}, spec.recipe)


def build_pretraining(config: TransformerConfig, spec: ExampleSpec, settings: Pretraining) -> keras.Model:
    """The encoder of `config`, and a light head; from signals to the error of each example, (batch, 1).

    Its encoder's layers are named as those of the network that `config` builds, and may start it.

    Raises:
        ConfigError: The network has no patches, or too few of them to hide a share.
    """
    if config.kind not in PRETRAINED:
        raise unknown("network that can be pretrained", config.kind, PRETRAINED)
    signal = keras.Input(spec.inputs["signal"].shape, dtype="float32", name="signal")

    def hide(patches: Any) -> Any:
        count = patches.shape[1]
        num_hidden = round(settings.mask_rate * count)
        if not 0 < num_hidden < count:
            raise ConfigError(
                f"pretraining.mask_rate: {settings.mask_rate:g} of {count} patches leaves none to hide or none to see; "
                "choose another rate or smaller patches."
            )
        return HidePatches(num_hidden, random.randrange(2**31), dtype="float32")(patches)  # noqa: S311

    patches, tokens, hidden = PRETRAINED[config.kind](config, spec, signal, hide)
    tokens = layers.LayerNormalization(epsilon=1e-6, name="decoder_norm")(tokens)
    predicted = layers.Dense(patches.shape[-1], dtype="float32", name="decoder")(tokens)
    error = MaskedError(dtype="float32", name=TARGET)([patches, predicted, hidden])
    return keras.Model({"signal": signal}, {TARGET: error}, name=f"{config.kind}_pretraining")


def _heartbeit_1d(config: Heartbeit1D, spec: ExampleSpec, signal: Any, hide: Callable[[Any], Any]) -> Any:
    patches = signal_patches(signal, samples_of(config.patch_s, spec.inputs["signal"], "model.patch_s"))
    hidden = hide(patches)
    tokens = MaskToken(name="mask_token")([layers.Dense(config.dim, name=EMBEDDING)(patches), hidden])
    encoded = encode_tokens(tokens, config, (patches.shape[1],), config.layer_scale)
    return _standardised(patches), encoded, hidden


def _heartbeit(config: Heartbeit, spec: ExampleSpec, signal: Any, hide: Callable[[Any], Any]) -> Any:
    image = draw(signal, config)
    patches = image_patches(image, config)
    hidden = hide(patches)
    tokens = MaskToken(name="mask_token")([layers.Dense(config.dim, name=EMBEDDING)(patches), hidden])
    encoded = encode_tokens(tokens, config, image_grid(config), config.layer_scale)
    return image_patches(image[..., :1], config), encoded, hidden  # the three channels are one


def _ecg_transformer(config: EcgTransformer, spec: ExampleSpec, signal: Any, hide: Callable[[Any], Any]) -> Any:
    stride = samples_of(config.patch_s, spec.inputs["signal"], "model.patch_s")
    patches = signal_patches(signal, stride)
    hidden = hide(patches)
    # Patches overlap, so a neighbour would give away half of what is hidden.
    seen = signal * (1.0 - ops.repeat(hidden, stride, axis=1)[:, : signal.shape[1]])
    tokens = MaskToken(name="mask_token")([signal_tokens(seen, stride, config), hidden])
    return _standardised(patches), encode_tokens(positioned(tokens, config), config), hidden


PRETRAINED: dict[str, Masked] = {
    "ecg_transformer": _ecg_transformer,
    "heartbeit": _heartbeit,
    "heartbeit_1d": _heartbeit_1d,
}


def _standardised(patches: Any) -> Any:
    """Each patch with mean 0 and deviation 1, so that the shape counts and not the height (arXiv:2111.06377)."""
    centred = patches - ops.mean(patches, axis=-1, keepdims=True)
    return centred / ops.sqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + FLAT)


class HidePatches(layers.Layer):
    """Chooses the patches to hide: anew for each example in training, always the same ones otherwise.

    Args:
        num_hidden: Patches to hide in each example.
        seed: Of the choice; its state is part of a checkpoint.
    """

    def __init__(self, num_hidden: int, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.num_hidden = num_hidden
        self.seed = keras.random.SeedGenerator(seed)

    def call(self, patches: Any, training: bool = False) -> Any:
        """float32 (batch, patches, 1): 1 where hidden."""
        batch, count = ops.shape(patches)[0], patches.shape[1]
        if training:
            drawn = keras.random.uniform((batch, count), seed=self.seed)
            last = ops.sort(drawn, axis=1)[:, self.num_hidden - 1 : self.num_hidden]
            return ops.cast(drawn <= last, "float32")[..., None]
        order = np.random.default_rng(0).permutation(count)
        fixed = (order < self.num_hidden).astype(np.float32)[None, :, None]
        return ops.zeros((batch, count, 1), dtype="float32") + ops.convert_to_tensor(fixed)

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(batch, patches, 1)."""
        return (*shape[:2], 1)


class MaskToken(layers.Layer):
    """Puts one learned token in the place of every hidden one."""

    def build(self, shapes: list[tuple[Any, ...]]) -> None:
        """The token."""
        width = shapes[0][-1]
        self.token = self.add_weight(
            shape=(width,), initializer=keras.initializers.RandomNormal(stddev=0.02), name="token"
        )

    def call(self, inputs: list[Any]) -> Any:
        """(batch, tokens, dim) of tokens and what is hidden."""
        tokens, hidden = inputs
        hidden = ops.cast(hidden, tokens.dtype)
        return tokens * (1 - hidden) + ops.cast(self.token, tokens.dtype) * hidden

    def compute_output_shape(self, shapes: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """The shape of the tokens."""
        return shapes[0]


class MaskedError(layers.Layer):
    """Mean squared error over the hidden patches of each example."""

    def call(self, inputs: list[Any]) -> Any:
        """float32 (batch, 1) of patches, their prediction, both (batch, patches, n), and what was hidden."""
        patches, predicted, hidden = inputs
        errors = ops.mean(ops.square(predicted - patches), axis=-1, keepdims=True)
        return ops.sum(errors * hidden, axis=1) / ops.sum(hidden, axis=1)

    def compute_output_shape(self, shapes: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """(batch, 1)."""
        return (shapes[0][0], 1)
