"""End a training early: no better monitor, or no more time."""

import logging
import time
from typing import Any

import keras

from kerasmed.training.monitor import Best

log = logging.getLogger(__name__)


class StopEarly(keras.callbacks.Callback):
    """Stops after `patience` epochs without a better monitor."""

    def __init__(self, best: Best, patience: int) -> None:
        super().__init__()
        self.best, self.patience = best, patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best epoch, which KeepCheckpoints has updated."""
        if epoch + 1 - self.best.epoch >= self.patience:
            log.info("stopped: %s has not improved for %d epochs", self.best.metric, self.patience)
            self.model.stop_training = True


class StopInTime(keras.callbacks.Callback):
    """Stops after the batch in which the time budget ends; the epoch is then validated and saved as it is."""

    async_safe = True

    def __init__(self, budget_min: float) -> None:
        super().__init__()
        self.budget_s = 60.0 * budget_min
        self.start_s = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the clock."""
        if not self.model.stop_training and time.monotonic() - self.start_s > self.budget_s:
            log.info("stopped: the time budget of %.1f min is spent", self.budget_s / 60.0)
            self.model.stop_training = True
