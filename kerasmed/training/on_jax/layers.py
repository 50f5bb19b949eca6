"""Layers of keras as jax can run them in less time: the same weights, the same classes (decisions 0066 and 0070)."""

import math
from types import MethodType
from typing import Any

import keras
from keras import layers

# Finer than any rate that is asked for, and two of them come out of every number that jax draws.
BITS = 16
MAXIMA = (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)


def use_kernels_of_jax(model: keras.Model) -> None:
    """Let `model` draw half the numbers for its dropouts and find maxima fast; on another backend nothing changes."""
    if keras.backend.backend() != "jax":
        return
    for layer in model._flatten_layers(include_self=False):
        if type(layer) is layers.Dropout and 0 < round(layer.rate * 2**BITS) < 2**BITS:
            layer.call = MethodType(_drop, layer)
        elif type(layer) in MAXIMA and layer.data_format == "channels_last":
            layer.call = MethodType(_pool, layer)


def _drop(self: Any, inputs: Any, training: bool = False) -> Any:
    """`Dropout.call` as a product with zeros and 1 / (share kept).

    jax draws 32 bits for every value, of which a dropout needs fewer; on a small network that was a tenth of a step.
    """
    if not training:
        return inputs
    import jax

    lengths = self.noise_shape or inputs.shape
    shape = tuple(size if length is None else length for length, size in zip(lengths, inputs.shape, strict=True))
    count, dropped = math.prod(shape), round(self.rate * 2**BITS)
    words = jax.random.bits(self.seed_generator.next(), (-(-count // 2),), "uint32")
    halves = jax.numpy.concatenate([words & (2**BITS - 1), words >> BITS])[:count].reshape(shape)
    return inputs * ((halves >= dropped).astype(inputs.dtype) * (2**BITS / (2**BITS - dropped)))


def _pool(self: Any, inputs: Any) -> Any:
    """`MaxPooling1D.call` and its like."""
    from kerasmed.training.on_jax.pooling import largest

    return largest(inputs, self.pool_size, self.strides, self.padding)
