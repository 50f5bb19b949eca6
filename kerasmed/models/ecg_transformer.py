"""ECG transformer: convolutional patches of the signal become tokens, which pre-norm blocks compare."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.transformers import EcgTransformer
from kerasmed.models.attention import SinePositions
from kerasmed.models.blocks import dropout, head, open_inputs
from kerasmed.models.encoder import EMBEDDING, encode_tokens, mean_token, samples_of
from kerasmed.spec import ExampleSpec


def build_ecg_transformer(config: EcgTransformer, spec: ExampleSpec) -> keras.Model:
    """Overlapping patches, sinusoidal positions, blocks, mean over time; rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    stride = samples_of(config.patch_s, spec.inputs["signal"], "model.patch_s")
    x = encode_tokens(positioned(signal_tokens(inputs["signal"], stride, config), config), config)  # (tokens, dim)
    return keras.Model(inputs, head(mean_token(x), inputs, spec, config), name="ecg_transformer")


def signal_tokens(signal: Any, stride: int, config: EcgTransformer) -> Any:
    """(tokens, dim); each token sees its own patch and half of either neighbour."""
    return layers.Conv1D(config.dim, 2 * stride, stride, padding="same", name=EMBEDDING)(signal)


def positioned(x: Any, config: EcgTransformer) -> Any:
    """Tokens that carry their place."""
    return dropout(config.dropout_rate)(SinePositions()(x))
