"""The encoder of every transformer: pre-norm blocks over tokens.

Its layers carry names that begin with `encoder`, by which a pretrained encoder is handed to another network and by
which the learning rate falls from layer to layer.
"""

from typing import Any

from keras import layers

from kerasmed.config.transformers import TransformerConfig
from kerasmed.errors import ConfigError
from kerasmed.models.attention import Grid, LayerScale, SelfAttention
from kerasmed.models.blocks import dropout
from kerasmed.spec import ArraySpec

EPSILON = 1e-6  # of BEiT's layer norms
PREFIX = "encoder"
EMBEDDING = f"{PREFIX}_embedding"


def encode_tokens(x: Any, config: TransformerConfig, grid: Grid | None = None, layer_scale: float | None = None) -> Any:
    """(batch, tokens, dim), read by `config.num_layers` blocks.

    Args:
        x: (batch, tokens, dim).
        config: Width, depth and rates.
        grid: Tokens along each axis, for attention with a bias by distance; None where tokens carry their position.
        layer_scale: Start of the gains of what a block adds; None for no such gains.
    """
    for layer in range(config.num_layers):
        # Stochastic depth grows linearly from block to block (Huang et al., arXiv:1603.09382).
        path_rate = config.drop_path_rate * layer / max(1, config.num_layers - 1)
        name = block_name(layer)
        read = SelfAttention(config.num_heads, grid, name=f"{name}_attention")(_norm(f"{name}_norm1")(x))
        x = layers.Add()([x, _added(read, f"{name}_scale1", config.dropout_rate, path_rate, layer_scale)])
        read = _mlp(_norm(f"{name}_norm2")(x), name, config)
        x = layers.Add()([x, _added(read, f"{name}_scale2", config.dropout_rate, path_rate, layer_scale)])
    return x


def mean_token(x: Any) -> Any:
    """(batch, dim): the mean of all tokens, normalised."""
    return _norm("pooled_norm")(layers.GlobalAveragePooling1D()(x))


def block_name(layer: int) -> str:
    """What the names of the layers of a block begin with."""
    return f"{PREFIX}_{layer:02d}"


def samples_of(seconds: float, array: ArraySpec, field: str) -> int:
    """Samples in a time.

    Raises:
        ConfigError: The signal has no sampling rate, or the time is shorter than a sample or longer than the signal.
    """
    if array.rate_hz is None or array.shape[0] is None:
        raise ConfigError(f"{field}: the signal of this dataset has no fixed rate and length; choose another network.")
    num_samples = round(seconds * array.rate_hz)
    if not 1 <= num_samples <= array.shape[0]:
        raise ConfigError(
            f"{field}: {seconds:g} s are {num_samples} samples at {array.rate_hz:g} Hz; an example has "
            f"{array.shape[0]}. Choose 1 to {array.shape[0]} samples."
        )
    return num_samples


def _added(x: Any, name: str, rate: float, path_rate: float, layer_scale: float | None) -> Any:
    x = dropout(rate)(x)
    if layer_scale is not None:
        x = LayerScale(layer_scale, name=name)(x)
    return dropout(path_rate, (None, 1, 1))(x) if path_rate else x


def _mlp(x: Any, name: str, config: TransformerConfig) -> Any:
    x = layers.Dense(round(config.dim * config.mlp_ratio), activation="gelu", name=f"{name}_mlp1")(x)
    return layers.Dense(config.dim, name=f"{name}_mlp2")(x)


def _norm(name: str) -> Any:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)
