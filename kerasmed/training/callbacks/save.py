"""Save the weights of every epoch, and everything to go on from it or from within it."""

import logging
import time
from collections.abc import Callable
from typing import Any

import keras

from kerasmed.config.run import Trainer
from kerasmed.training.callbacks.validate import Validate
from kerasmed.training.checkpoint import (
    TRAINING,
    WEIGHTS,
    all_finite,
    epoch_folder,
    prune,
    require_finite,
    save_checkpoint,
    step_folder,
)
from kerasmed.training.interruption import Interruption
from kerasmed.training.resume import Progress
from kerasmed.training.variables import read_training
from kerasmed.training.writer import Writer

log = logging.getLogger(__name__)


class SaveProgress(keras.callbacks.Callback):
    """Saves at the end of every epoch, every so many steps or minutes, and when somebody asks for the end; listed last.

    The arrays are copied on the training's thread and written beside it.
    """

    def __init__(
        self, writer: Writer, progress: Progress, scored: Validate, trainer: Trainer, interruption: Interruption
    ) -> None:
        super().__init__()
        self.writer, self.progress, self.scored, self.interruption = writer, progress, scored, interruption
        self.every_epochs = trainer.checkpoint_every
        self.is_due = _due(trainer.save_every)
        self.saved_step, self.saved_s = progress.position.global_step, time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """All steps before this one are done: save if it is time, and end if that was asked for."""
        self.writer.check()
        step = self.progress.position.global_step
        if self.interruption.asked:
            self._save()
            self._end()
        if self.is_due(step - self.saved_step, time.monotonic() - self.saved_s):
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Save the epoch."""
        require_finite(self.scored.weights)
        paths = [weight.path for weight in self.scored.inference.weights]
        weights, state = self.scored.weights, {"epoch": epoch + 1, "logs": dict(logs), "paths": paths}
        folder = epoch_folder(self.progress.checkpoints, epoch + 1)
        self._save(lambda: save_checkpoint(folder, WEIGHTS, weights, state))
        if self.interruption.asked:
            self._end()

    def _save(self, first: Callable[[], None] = lambda: None) -> None:
        arrays, state = read_training(self.model), self.progress.state()
        folder = step_folder(self.progress.checkpoints, state["global_step"])

        def write() -> None:
            first()
            # Within an epoch the next loss will not be finite, and names the batch.
            if all_finite(arrays):
                save_checkpoint(folder, TRAINING, arrays, state)
                prune(self.progress.checkpoints, self.every_epochs)
            else:
                log.warning("%s was not saved: its values are not finite; the checkpoint before it stays", folder.name)

        self.writer.submit(write)
        self.saved_step, self.saved_s = state["global_step"], time.monotonic()

    def _end(self) -> None:
        self.writer.finish()
        raise KeyboardInterrupt


def _due(save_every: str) -> Callable[[int, float], bool]:
    """(steps, seconds since the last save) -> whether to save."""
    if save_every == "epoch":
        return lambda steps, seconds: False
    if save_every.endswith("steps"):
        num_steps = int(save_every.removesuffix("steps"))
        return lambda steps, seconds: steps >= num_steps
    wait_s = 60.0 * float(save_every.removesuffix("min"))
    return lambda steps, seconds: steps > 0 and seconds >= wait_s
