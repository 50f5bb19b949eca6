"""Stop at the first loss that is not finite."""

import math
from typing import Any

import keras

from kerasmed.errors import TrainingError


class StopWhenNotFinite(keras.callbacks.Callback):
    """Raises at the batch whose loss is not finite.

    Keras hands batch logs to this callback off the training thread, so looking at every loss does not hold the device
    up; on backends that train in step with python the loss is at hand anyway.
    """

    async_safe = True

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self.rate = math.nan

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember epoch and learning rate for the message: within an epoch jax owns the optimizer's variables."""
        self.epoch = epoch
        self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Look at the running mean of the loss: it stays not finite once a batch was."""
        if not math.isfinite(float(logs["loss"])):
            raise TrainingError(
                f"the loss is not finite at epoch {self.epoch + 1}, batch {batch + 1} (the epoch began with a learning "
                f"rate of {self.rate:.3g}); lower trainer.learning_rate or set trainer.clip_norm. The checkpoints "
                "before it are intact."
            )
