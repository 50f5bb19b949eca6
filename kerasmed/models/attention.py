"""Layers that transformers are made of and keras does not have."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

Grid = tuple[int, ...]


@keras.saving.register_keras_serializable(package="kerasmed")
class SelfAttention(layers.Layer):
    """Multi-head self-attention (Vaswani et al., arXiv:1706.03762), with a learned bias for each relative position.

    As in BEiT (Bao et al., arXiv:2106.08254) keys have no bias vector: it would move all scores of a query alike. Plain
    matrix products, which every export format has.

    Args:
        num_heads: Heads; they divide the width of a token.
        grid: Tokens along each axis, for a bias by the distance along each of them; None for no such bias.
    """

    def __init__(self, num_heads: int, grid: Grid | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.num_heads = num_heads
        self.grid = None if grid is None else tuple(grid)

    def build(self, shape: tuple[Any, ...]) -> None:
        """Four projections and, with a grid, a table of one bias for each head and distance."""
        # Kept as numbers: in a traced graph the axes of a tensor are tensors.
        self.num_tokens, self.width = shape[1:]
        for name in ("query", "key", "value", "out"):
            layer = layers.Dense(self.width, use_bias=name != "key", dtype=self.dtype_policy, name=name)
            layer.build(shape)
            setattr(self, name, layer)
        if self.grid is not None:
            distances = int(np.prod([2 * length - 1 for length in self.grid]))
            self.relative_bias = self.add_weight(
                shape=(distances, self.num_heads), initializer="zeros", name="relative_bias"
            )

    def call(self, x: Any) -> Any:
        """(batch, tokens, width) of the same."""
        query, key, value = (self._in_heads(layer(x)) for layer in (self.query, self.key, self.value))
        scores = ops.matmul(query * (self.width // self.num_heads) ** -0.5, ops.transpose(key, (0, 1, 3, 2)))
        # In half precision the sum of many exponentials loses its digits.
        scores = ops.cast(scores, "float32")
        if self.grid is not None:
            scores = scores + self._bias()
        shares = ops.cast(ops.softmax(scores, axis=-1), value.dtype)  # (batch, heads, tokens, tokens)
        mixed = ops.transpose(ops.matmul(shares, value), (0, 2, 1, 3))
        return self.out(ops.reshape(mixed, (-1, self.num_tokens, self.width)))

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of the input."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "num_heads": self.num_heads, "grid": self.grid}

    def _in_heads(self, x: Any) -> Any:
        """(batch, heads, tokens, width / heads)."""
        parted = ops.reshape(x, (-1, self.num_tokens, self.num_heads, self.width // self.num_heads))
        return ops.transpose(parted, (0, 2, 1, 3))

    def _bias(self) -> Any:
        """float32 (heads, tokens, tokens)."""
        assert self.grid is not None
        places = ops.convert_to_tensor(distances_on(self.grid).reshape(-1), dtype="int32")
        shape = (self.num_tokens, self.num_tokens, self.num_heads)
        bias = ops.reshape(ops.take(self.relative_bias, places, axis=0), shape)
        return ops.cast(ops.transpose(bias, (2, 0, 1)), "float32")


def distances_on(grid: Grid) -> np.ndarray:
    """int64 (tokens, tokens): a number for each distance between two tokens of a grid, the same for equal distances."""
    places = np.stack(np.meshgrid(*(np.arange(length) for length in grid), indexing="ij"), axis=-1)
    places = places.reshape(-1, len(grid))
    apart = places[:, None] - places[None] + np.array(grid) - 1  # each axis from 0 to 2 * length - 2
    return np.ravel_multi_index(tuple(np.moveaxis(apart, -1, 0)), [2 * length - 1 for length in grid])


@keras.saving.register_keras_serializable(package="kerasmed")
class LayerScale(layers.Layer):
    """A learned gain for each channel (Touvron et al., arXiv:2103.17239).

    Args:
        start: Value of all gains before training.
    """

    def __init__(self, start: float, **options: Any) -> None:
        super().__init__(**options)
        self.start = start

    def build(self, shape: tuple[Any, ...]) -> None:
        """One gain for each channel."""
        self.gamma = self.add_weight(
            shape=(shape[-1],), initializer=keras.initializers.Constant(self.start), name="gamma"
        )

    def call(self, x: Any) -> Any:
        """`x` times its gains."""
        return x * self.gamma

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="kerasmed")
class SinePositions(layers.Layer):
    """Adds to each token what tells its place: sines and cosines of falling frequency (arXiv:1706.03762)."""

    def build(self, shape: tuple[Any, ...]) -> None:
        """The places of so many tokens; nothing is learned."""
        self.table = sine_table(*shape[1:])

    def call(self, x: Any) -> Any:
        """(batch, tokens, width), moved."""
        return x + ops.convert_to_tensor(self.table, dtype=x.dtype)


def sine_table(num_tokens: int, width: int) -> np.ndarray:
    """float32 (1, num_tokens, width), sines in the first half of the channels, cosines in the second; `width` even."""
    frequency = 10000.0 ** -(np.arange(width // 2) / (width // 2))
    phase = np.arange(num_tokens)[:, None] * frequency
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1).astype(np.float32)[None]
