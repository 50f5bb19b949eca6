"""Proof that a written file answers as the trained model does. Arrays are (batch, ...) by name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from kerasmed.errors import ContractError
from kerasmed.spec import PICTURE_AXES, ArraySpec, ExampleSpec

if TYPE_CHECKING:
    import keras

LIMIT = 1e-4
# Three sizes, since a graph with a frozen batch axis runs on one of them only.
BATCH_SIZES = (8, 3, 1)
SEED = 20_230_501
FREE_LENGTH = 500  # samples given to an axis whose length is free
FREE_SIDE_PX = 64  # given to a side of a picture that is free

Array = np.ndarray
Arrays = Mapping[str, Array]
Answers = Callable[[dict[str, Array]], dict[str, Array]]


def probe_inputs(spec: ExampleSpec, num_examples: int = max(BATCH_SIZES), seed: int = SEED) -> dict[str, Array]:
    """Random inputs of plausible size: float32 (num_examples, *shape), physical values, a pure function of the seed.

    Integers are drawn as stored steps and scaled. Example by example they grow from faint to large, so that not every
    softmax is saturated, which would hide a difference.
    """
    rng = np.random.default_rng(seed)
    loudness = np.geomspace(0.05, 2.0, num_examples)
    return {name: _draw(array, loudness, rng) for name, array in spec.inputs.items()}


def answers_of(model: "keras.Model", inputs: Arrays) -> dict[str, Array]:
    """What `model` answers in this process, on its backend: float32 by target name."""
    with full_precision():
        found: dict[str, Array] = model.predict_on_batch(dict(inputs))
    return found


def largest_difference(answers: Answers, inputs: Arrays, expected: Arrays) -> float:
    """Largest absolute difference from `expected` over every batch size and target; NaN where an answer is NaN."""
    worst = 0.0
    for size in BATCH_SIZES:
        found = answers({name: values[:size] for name, values in inputs.items()})
        for name, wanted in expected.items():
            if found[name].shape != wanted[:size].shape:
                raise ContractError(f"{name}: answers have shape {found[name].shape}, not {wanted[:size].shape}.")
            worst = float(np.maximum(worst, np.abs(found[name] - wanted[:size]).max()))
    return worst


def require_parity(differences: Mapping[str, float]) -> None:
    """Raise `ContractError` where a format differs by more than `LIMIT`, or by no finite number."""
    for written, difference in differences.items():
        if not difference <= LIMIT:
            raise ContractError(
                f"{written}: answers differ from the trained model by {difference:.3g}, more than {LIMIT:g}; "
                "nothing was published."
            )


@contextmanager
def full_precision() -> Iterator[None]:
    """float32 arithmetic in full: on a GPU the backends round convolutions to TensorFloat-32 (1e-3) unless told."""
    import keras

    yield from {"jax": _jax, "torch": _torch, "tensorflow": _tensorflow}[keras.backend.backend()]()


def _jax() -> Iterator[None]:
    import jax

    with jax.default_matmul_precision("highest"):
        yield


def _torch() -> Iterator[None]:
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


def _tensorflow() -> Iterator[None]:
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _draw(array: ArraySpec, loudness: Array, rng: np.random.Generator) -> Array:
    free = FREE_SIDE_PX if len(array.shape) == PICTURE_AXES else FREE_LENGTH
    shape = (len(loudness), *(free if size is None else size for size in array.shape))
    kind = np.dtype(array.dtype)
    factor = loudness.reshape(-1, *[1] * len(array.shape))
    if kind.kind == "u":
        stored = rng.integers(0, np.iinfo(kind).max, shape, endpoint=True)
    elif kind.kind == "i":
        limits = np.iinfo(kind)
        stored = np.clip(rng.normal(0.0, limits.max / 32, shape) * factor, limits.min, limits.max).round()
    else:
        stored = rng.normal(0.5, 0.5, shape) * factor
    return (stored * array.scale).astype(np.float32)
