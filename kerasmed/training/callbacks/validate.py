"""Score the validation rows after every epoch."""

from collections.abc import Callable
from typing import Any

import keras

from kerasmed.training.variables import read_variables

# () -> metrics of the validation rows by plain name ("loss", "macro_f1", ...).
Validation = Callable[[], dict[str, float | None]]


class Validate(keras.callbacks.Callback):
    """Adds every validation metric to the epoch's logs as `val_<name>`, for all callbacks after this one.

    `weights` are the inference model's as they were scored: the moving average, where there is one.
    """

    def __init__(self, validation: Validation, inference: keras.Model) -> None:
        super().__init__()
        self.validation, self.inference = validation, inference
        self.weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Add the metrics."""
        self.weights = read_variables(self.inference.weights)
        logs.update({f"val_{name}": value for name, value in self.validation().items()})
