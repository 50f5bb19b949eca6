"""Where the training stands, in a run that may have begun in another process."""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Position:
    """Whole epochs done, and steps done in the epoch under way."""

    epoch: int = 0
    step: int = 0


class TrackPosition(keras.callbacks.Callback):
    """Counts epochs and steps from where the run was taken up; listed first.

    Keras gives every epoch all of its steps. The epoch that another process began needs only the rest of them, so it is
    ended after its last step, as `stop_training` ends one; the epochs after it follow as usual, on the same batches'
    iterator.

    Args:
        steps_per_epoch: Of the epochs that begin here.
        per_execution: Steps that keras runs in one go.
        start: Where the run was taken up.
        done: Global steps done there; another batch size may have made them.
    """

    def __init__(self, steps_per_epoch: int, per_execution: int, start: Position, done: int = 0) -> None:
        super().__init__()
        self.steps_per_epoch, self.per_execution = steps_per_epoch, per_execution
        self.position = self.start = start
        self.first, self.done = start.step, done
        self._cut = False

    @property
    def global_step(self) -> int:
        """Steps done over all epochs."""
        epochs, steps = self.position.epoch - self.start.epoch, self.position.step - self.start.step
        return self.done + epochs * self.steps_per_epoch + steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin at the first step, or where the other process was."""
        self.first = self.start.step if epoch == self.start.epoch else 0
        self.position = Position(epoch, self.first)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Count, and end a cut epoch."""
        self.position = Position(self.position.epoch, self.first + batch)
        if self.first and self.position.step + self.per_execution >= self.steps_per_epoch:
            self._cut = self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch that was cut ends no training."""
        if self._cut:
            self._cut = self.model.stop_training = False
        self.position = Position(epoch + 1)
