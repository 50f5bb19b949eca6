"""Evaluate the moving average of the weights in place of the weights."""

from typing import Any

import keras


class SwapAverage(keras.callbacks.Callback):
    """Exchanges weights and their moving average; listed once before validation and once after it."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Exchange, variable by variable."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        averages = optimizer._model_variables_moving_average
        for variable, average in zip(self.model.trainable_variables, averages, strict=True):
            current = keras.ops.copy(variable.value)
            variable.assign(average)
            average.assign(current)
