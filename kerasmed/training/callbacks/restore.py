"""Take up a training where a checkpoint left it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras.ops import convert_to_numpy

from kerasmed.training.variables import all_variables, assign_all


class Restore(keras.callbacks.Callback):
    """Sets every variable when keras has built them all; the running metrics once keras has reset them.

    Args:
        values: Of `all_variables`.
        rate: Learning rate to take in place of the checkpoint's, where the setting has changed since.
        stretch: Steps of an epoch now, by those of an epoch then; the schedule goes on at the same share of its way.
        within: Whether the checkpoint stood within an epoch, so that its running metrics go on.
        where: Name of the checkpoint, for errors.
    """

    def __init__(
        self, values: Sequence[np.ndarray], rate: float | None, stretch: float, within: bool, where: str
    ) -> None:
        super().__init__()
        self.values, self.rate, self.stretch, self.within, self.where = values, rate, stretch, within, where

    def on_train_begin(self, logs: Any = None) -> None:
        """Weights, seeds and optimizer."""
        assign_all(all_variables(self.model), self.values, self.where)
        if self.rate is not None:
            self.model.optimizer.learning_rate = self.rate
        if self.stretch != 1.0:
            for variable in self.model.optimizer.variables:
                if variable.name == "iteration":
                    variable.assign(round(int(convert_to_numpy(variable)) * self.stretch))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Metrics, in the first epoch."""
        if self.within:
            metrics = self.model.metrics_variables
            assign_all(metrics, self.values[len(self.values) - len(metrics) :], self.where)
        self.values, self.within = [], False
