"""Scalars for TensorBoard in RUN/tensorboard, written without TensorFlow."""

import sys
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.tracking.ledger import Ledger
from kerasmed.tracking.snapshot import SPEED, Row, Snapshot

LOSS = "_loss"  # what the name of one target's loss ends in
EVENTS = "events.out.tfevents.*"


class TensorBoardTracker:
    """Event files. Where an epoch is done anew, a new file takes back what the older ones say from there on."""

    faults: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tensorboard"
        self.writer: Any = None

    def send(self, run: Snapshot, ledger: Ledger) -> None:
        """Write what `ledger` lacks of `run`."""
        if not any(self.folder.glob(EVENTS)):
            ledger.forget()
        first = self._first_missing(run, ledger)
        if first is not None:
            self._write_from(first, run, ledger)
        if run.ended:
            ledger.metrics = files.digest(dict(run.metrics))
        ledger.status = run.status
        ledger.save()

    def close(self) -> None:
        """Write what is waiting, and let go of the file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _first_missing(self, run: Snapshot, ledger: Ledger) -> int | None:
        """The first epoch to write; metrics of the report stand at the last one."""
        missing = ledger.missing(run.rows)
        if missing:
            return missing[0].epoch
        told = not run.metrics or not run.ended or ledger.metrics == files.digest(dict(run.metrics))
        return None if told and ledger.facts else run.last_epoch

    def _write_from(self, first: int, run: Snapshot, ledger: Ledger) -> None:
        if self.writer is None or any(int(epoch) >= first for epoch in ledger.rows):
            self._open(first)
        rows = [row for row in run.rows if row.epoch >= first]
        for row in rows:
            self._write(row)
        if run.ended or not ledger.facts:
            self._write_facts(run)
        self.writer.flush()
        ledger.facts = files.digest(dict(run.params))
        ledger.tell(rows)

    def _open(self, first: int) -> None:
        self.close()
        # tensorboardX imports torch only to tell tensors from numbers; this process writes numbers.
        sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
        from tensorboardX import SummaryWriter

        # The name of a file holds its second alone: a second one within it would truncate the first.
        number = len([*self.folder.glob(EVENTS)])
        self.writer = SummaryWriter(str(self.folder), purge_step=first, filename_suffix=f".{number:04d}")

    def _write(self, row: Row) -> None:
        several = any(name.endswith(LOSS) and name != f"val{LOSS}" for name in row.values)
        for name, value in row.values.items():
            tag = (_of_several(name) if several else None) or _of_epochs(name)
            self.writer.add_scalar(tag, value, row.epoch, walltime=row.time_ms / 1000)

    def _write_facts(self, run: Snapshot) -> None:
        from tensorboardX.summary import hparams

        for name, value in run.metrics.items():
            self.writer.add_scalar(_of_report(name), value, run.last_epoch)
        lines = [f"| {name} | `{value}` |" for name, value in {**run.params, **run.tags}.items()]
        self.writer.add_text("run", "\n".join(["| setting | value |", "| --- | --- |", *lines]), 0)
        if run.ended and run.metrics:
            scores = {_of_report(name): value for name, value in run.metrics.items()}
            params = {name: _number_or_text(value) for name, value in run.params.items()}
            for summary in hparams(params, scores):
                self.writer.file_writer.add_summary(summary)


def _of_epochs(name: str) -> str:
    """TensorBoard folds tags by what stands before the stroke, and sorts them."""
    return f"speed/{name}" if name in SPEED else f"epochs/{name}"


def _of_several(name: str) -> str | None:
    """Where several targets have a loss each, losses and rate stand under Train/ and Val/; None for other names."""
    if name == "learning_rate":
        return "Train/lr"
    part, plain = ("Val", name.removeprefix("val_")) if name.startswith("val_") else ("Train", name)
    if plain == "loss":
        return f"{part}/total_loss"
    return f"{part}/{plain}" if plain.endswith(LOSS) else None


def _number_or_text(value: str) -> float | str:
    """A setting as TensorBoard can draw it."""
    try:
        return float(value)
    except ValueError:
        return value


def _of_report(name: str) -> str:
    return f"report/{name}"
