"""A bar on a terminal; one line an epoch elsewhere and in the log."""

import logging
from typing import Any

import keras

from kerasmed.training.callbacks.position import TrackPosition

log = logging.getLogger(__name__)
SECONDS_BETWEEN_UPDATES = 0.2
FIRST_STEP = "the first step is done"


class ShowEpochs(keras.callbacks.Callback):
    """Logs one line for each epoch: loss, monitor, learning rate, speed."""

    def __init__(self, epochs: int, monitor: str) -> None:
        super().__init__()
        self.epochs, self.monitor = epochs, monitor

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Log the line."""
        shown = ["loss", *(["val_loss"] if self.monitor != "val_loss" else []), self.monitor]
        values = "  ".join(f"{name} {_number(logs.get(name))}" for name in dict.fromkeys(shown))
        log.info(
            "epoch %d/%d  %s  lr %.2g  %.0f examples/s",
            epoch + 1, self.epochs, values, logs["learning_rate"], logs["examples_per_s"],
        )  # fmt: skip


class TellFirstStep(keras.callbacks.Callback):
    """Logs once that the first step is done: what came before it was preparation and compilation."""

    async_safe = True

    def __init__(self) -> None:
        super().__init__()
        self.told = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log it."""
        if not self.told:
            self.told = True
            log.debug(FIRST_STEP)


class ShowBar(keras.callbacks.Callback):
    """A progress bar on stderr over the steps of the whole training, with the time left and the running loss."""

    async_safe = True

    def __init__(self, epochs: int, position: TrackPosition) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        self.epochs, self.position = epochs, position
        self.steps = position.steps_per_epoch
        self.done = 0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False,
            refresh_per_second=1 / SECONDS_BETWEEN_UPDATES,
        )  # fmt: skip
        self.task = self.bar.add_task("compiling", total=epochs * self.steps)

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count from this epoch's first step."""
        place = self.position.position
        self.done = place.epoch * self.steps + place.step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Move the bar."""
        epoch = self.done // self.steps + 1
        text = f"epoch {epoch}/{self.epochs}  loss {_number(logs['loss'])}"
        self.bar.update(self.task, completed=self.done + batch + 1, description=text)

    def close(self) -> None:
        """Take the bar away, also after an error."""
        self.bar.stop()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
