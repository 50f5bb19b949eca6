"""End a training early: no better monitor, as many epochs as asked for, or no more time."""

import logging
import time
from typing import Any

import keras

from kerasmed.training.monitor import Best

log = logging.getLogger(__name__)


class StopEarly(keras.callbacks.Callback):
    """Stops after `patience` epochs without a better monitor; what it counts by, a checkpoint holds as `Best`."""

    def __init__(self, best: Best, patience: int) -> None:
        super().__init__()
        self.best, self.patience = best, patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best epoch, which ChooseBest has updated."""
        if self.is_over(epoch + 1):
            log.info("stopped: %s has not improved for %d epochs", self.best.metric, self.patience)
            self.model.stop_training = True

    def is_over(self, epochs: int) -> bool:
        """Whether a training of so many epochs ends here."""
        return epochs - self.best.epoch >= self.patience


class StopAfter(keras.callbacks.Callback):
    """Stops after so many epochs of a longer schedule: a later process can go on as if it had never stopped."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count."""
        self.model.stop_training = self.model.stop_training or self.is_over(epoch + 1)

    def is_over(self, epochs: int) -> bool:
        """Whether a training of so many epochs ends here."""
        return epochs >= self.epochs


class StopInTime(keras.callbacks.Callback):
    """Stops after the batch in which the time budget ends; the epoch is then validated and saved as it is.

    Keras looks at the clock off the training thread. There the property `model` is out of bounds: on jax it writes into
    the variables what the step under way has given away.
    """

    async_safe = True
    trainee: keras.Model

    def __init__(self, budget_min: float) -> None:
        super().__init__()
        self.budget_s = 60.0 * budget_min
        self.start_s = time.monotonic()

    def set_model(self, model: keras.Model) -> None:
        """Called by keras before it trains."""
        super().set_model(model)
        self.trainee = model

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"spent_s": time.monotonic() - self.start_s}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint: the time between two processes is not counted."""
        self.start_s = time.monotonic() - state["spent_s"]

    def is_over(self, epochs: int) -> bool:
        """Whether the time is spent."""
        return epochs > 0 and time.monotonic() - self.start_s > self.budget_s

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the clock."""
        if not self.trainee.stop_training and self.is_over(1):
            log.info("stopped: the time budget of %.1f min is spent", self.budget_s / 60.0)
            self.trainee.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop for good: the rest of an epoch that another process began is also ended by `stop_training`."""
        self.model.stop_training = self.model.stop_training or self.is_over(1)
