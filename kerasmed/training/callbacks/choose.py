"""Choose the best epoch."""

from typing import Any

import keras

from kerasmed.training.monitor import Best


class ChooseBest(keras.callbacks.Callback):
    """Compares the monitor of every epoch; listed before whatever counts the epochs since the best one."""

    def __init__(self, best: Best) -> None:
        super().__init__()
        self.best = best

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compare."""
        self.best.update(logs.get(self.best.metric), epoch + 1)
