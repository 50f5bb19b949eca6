"""Stop at the first loss that is not finite."""

import math
import threading
from typing import Any

import keras

from kerasmed.errors import TrainingError
from kerasmed.training.callbacks.position import TrackPosition

LONGEST_WAIT_S = 5.0


class StopWhenNotFinite(keras.callbacks.Callback):
    """Raises at the batch whose loss is not finite.

    Keras hands batch logs to this callback off the training thread, so looking at every loss does not hold the device
    up; on backends that train in step with python the loss is at hand anyway. Several threads may report at once, so a
    bad batch waits for the reports of those before it, and the first one is named.
    """

    async_safe = True

    def __init__(self, position: TrackPosition) -> None:
        super().__init__()
        self.position = position
        self.epoch = 0
        self.rate = math.nan
        self.begun: list[int] = []
        self.finite: dict[int, bool] = {}
        self.reported = threading.Condition()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember epoch and learning rate for the message: within an epoch jax owns the optimizer's variables."""
        self.epoch = epoch
        self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.begun, self.finite = [], {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Count the batches whose reports may be on their way."""
        self.begun.append(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Look at the running mean of the loss: it stays not finite once a batch was."""
        finite = math.isfinite(float(logs["loss"]))
        with self.reported:
            self.finite[batch] = finite
            self.reported.notify_all()
            if finite:
                return
            self.reported.wait_for(lambda: self._all_before(batch), LONGEST_WAIT_S)
            first = min(place for place, good in self.finite.items() if not good)
        raise TrainingError(
            f"the loss is not finite at epoch {self.epoch + 1}, batch {self.position.first + first + 1} (the epoch "
            f"began with a learning rate of {self.rate:.3g}); lower trainer.learning_rate or set "
            "trainer.clip_norm. The checkpoints before it are intact."
        )

    def _all_before(self, batch: int) -> bool:
        begun_before = sum(start <= batch for start in self.begun) - 1
        return sum(place < batch for place in self.finite) >= begun_before
