"""The gradient of a function with respect to an array, on whichever backend keras runs: the only place that differs."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def gradient(function: Callable[[Any], Any], at: Any) -> Any:
    """Of the sum of what `function` gives, in the shape of `at`.

    Args:
        function: From a tensor to a tensor, by keras' operations; it changes no variable.
        at: A tensor of floats.
    """
    return {"jax": _by_jax, "torch": _by_torch, "tensorflow": _by_tensorflow}[keras.backend.backend()](function, at)


def _by_jax(function: Callable[[Any], Any], at: Any) -> Any:
    import jax

    return jax.jit(jax.grad(lambda values: ops.sum(function(values))))(at)


def _by_torch(function: Callable[[Any], Any], at: Any) -> Any:
    import torch

    with torch.enable_grad():
        leaf = at.detach().requires_grad_(True)
        (found,) = torch.autograd.grad(ops.sum(function(leaf)), leaf)
    return found


def _by_tensorflow(function: Callable[[Any], Any], at: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(at)
        total = ops.sum(function(at))
    return tape.gradient(total, at)
