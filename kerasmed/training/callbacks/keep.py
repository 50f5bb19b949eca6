"""Best, last and periodic checkpoints."""

from pathlib import Path
from typing import Any

import keras

from kerasmed.training.callbacks.validate import Validate
from kerasmed.training.checkpoint import save_checkpoint
from kerasmed.training.monitor import Best


class KeepCheckpoints(keras.callbacks.Callback):
    """Saves `last` every epoch, `best` whenever the monitor improves, `epoch-NNNN` every so many epochs."""

    def __init__(self, folder: Path, validated: Validate, best: Best, every: int | None) -> None:
        super().__init__()
        self.folder, self.validated, self.best, self.every = folder, validated, best, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write the checkpoints that this epoch earns."""
        done = epoch + 1
        names = ["last"]
        if self.best.update(logs.get(self.best.metric), done):
            names.append("best")
        if self.every is not None and done % self.every == 0:
            names.append(f"epoch-{done:04d}")
        value = self.best.value if self.best.epoch else None
        state = {
            "epoch": done,
            "logs": logs,
            "best": {"metric": self.best.metric, "value": value, "epoch": self.best.epoch},
            "paths": [weight.path for weight in self.validated.inference.weights],
        }
        for name in names:
            save_checkpoint(self.folder / name, self.validated.weights, self.model, state)
