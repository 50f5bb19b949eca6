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
        self.start_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.start_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Stop the clock; listed before validation, so that speed is the training's alone."""
        seconds = time.monotonic() - self.start_s
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs.update(learning_rate=rate, seconds=round(seconds, 3), examples_per_s=round(self.examples / seconds, 1))


class WriteHistory(keras.callbacks.Callback):
    """Writes history.csv (a row an epoch) and metrics.jsonl (a line an epoch); listed last."""

    def __init__(self, record: RecordHistory) -> None:
        super().__init__()
        self.record = record

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Append the row."""
        rows, folder = self.record.rows, self.record.folder
        rows.append({"epoch": epoch + 1, **{name: logs[name] for name in sorted(logs)}})
        with (folder / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps(rows[-1]) + "\n")
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, fieldnames=list(rows[0]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        files.write_text(folder / "history.csv", table.getvalue())
