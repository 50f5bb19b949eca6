"""Lower the learning rate where the monitor stands still."""

import logging
from typing import Any

import keras

from kerasmed.training.monitor import Best

log = logging.getLogger(__name__)


class LowerOnPlateau(keras.callbacks.Callback):
    """Multiplies the learning rate by `factor` after `patience` epochs without a better monitor."""

    def __init__(self, best: Best, patience: int, factor: float) -> None:
        super().__init__()
        self.best, self.patience, self.factor = best, patience, factor
        self.last_change = 0

    def state(self) -> dict[str, Any]:
        """For a checkpoint; the rate itself is a variable of the optimizer."""
        return {"last_change": self.last_change}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.last_change = state["last_change"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best epoch and with the last time the rate was lowered."""
        if epoch + 1 - max(self.best.epoch, self.last_change) < self.patience:
            return
        self.last_change = epoch + 1
        optimizer = self.model.optimizer
        optimizer.learning_rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate)) * self.factor
        log.info("plateau: learning rate lowered by a factor of %g", self.factor)
