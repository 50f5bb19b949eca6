"""What every epoch brought, on disk as it happens."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import keras

from kerasmed import files


class RecordHistory(keras.callbacks.Callback):
    """Adds learning rate and speed to the logs; collects the rows of the history."""

    def __init__(self, folder: Path, examples_per_epoch: int) -> None:
        super().__init__()
        self.folder, self.examples = folder, examples_per_epoch
        self.rows: list[dict[str, Any]] = []
        self.start_s: float | None = None  # of the epoch under way
        self.spent_s = 0.0

    def state(self) -> dict[str, Any]:
        """For a checkpoint: the rows, and the time that the epoch under way has taken."""
        return {"rows": list(self.rows), "spent_s": 0.0 if self.start_s is None else time.monotonic() - self.start_s}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; the files become what it holds."""
        self.rows[:], self.spent_s = state["rows"], state["spent_s"]
        self.write()

    def write(self) -> None:
        """Write metrics.jsonl (a line an epoch) and history.csv (a row an epoch)."""
        files.write_text(self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in self.rows))
        table = io.StringIO(newline="")
        names = list(self.rows[0]) if self.rows else []
        writer = csv.DictWriter(table, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        files.write_text(self.folder / "history.csv", table.getvalue())

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock; an epoch that another process began has taken time already."""
        self.start_s = time.monotonic() - self.spent_s
        self.spent_s = 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Stop the clock; listed before validation, so that speed is the training's alone."""
        assert self.start_s is not None
        seconds, self.start_s = time.monotonic() - self.start_s, None
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs.update(learning_rate=rate, seconds=round(seconds, 3), examples_per_s=round(self.examples / seconds, 1))


class WriteHistory(keras.callbacks.Callback):
    """Adds the row of every epoch to the history and its files; listed after whatever adds to the logs."""

    def __init__(self, record: RecordHistory) -> None:
        super().__init__()
        self.record = record

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Append the row."""
        self.record.rows.append({"epoch": epoch + 1, **{name: logs[name] for name in sorted(logs)}})
        self.record.write()
