"""The variables of a training as numpy arrays, and back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.errors import OtherModelError

Array = np.ndarray


def read_variables(variables: Sequence[Any]) -> list[Array]:
    """Copies of the values of keras variables."""
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in variables]


def all_variables(trainee: keras.Model) -> list[Any]:
    """Weights, seeds, optimizer (moments, learning rate, averages, loss scale) and running metrics, in this order."""
    return [*trainee.variables, *trainee.optimizer.variables, *trainee.metrics_variables]


def read_training(trainee: keras.Model) -> list[Array]:
    """Copies of everything that a training step changes; also within an epoch."""
    if keras.backend.backend() == "jax":
        # Within an epoch jax holds the values apart from the variables.
        trainee.jax_state_sync()
    return read_variables(all_variables(trainee))


def assign_all(variables: Sequence[Any], values: Sequence[Array], where: str) -> None:
    """Give every variable its value.

    Raises:
        OtherModelError: They are those of another model or optimizer.
    """
    wanted, shapes = [tuple(variable.shape) for variable in variables], [value.shape for value in values]
    if wanted != shapes:
        raise OtherModelError(where, "belongs to another model or optimizer.", "Use the config.yaml of the same run.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(ops.convert_to_tensor(value, dtype=variable.dtype))
