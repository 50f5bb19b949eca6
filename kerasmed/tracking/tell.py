"""The process of a tracker: looks at the run folder and tells the tracker what it lacks, until the run has ended."""

import logging
import os
import select
import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Protocol

from kerasmed import files
from kerasmed.config.run import Tracking
from kerasmed.errors import TrackerError
from kerasmed.tracking.kinds import Kind, target_of
from kerasmed.tracking.ledger import Ledger, ledger_path, read_ledger
from kerasmed.tracking.snapshot import Snapshot, Status, read_snapshot, status_of, trains

log = logging.getLogger("kerasmed.tracking")
LOOK_S = 0.5  # between two looks at the folder
LOCK_S = 3.0  # for a lock to come free with its process
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0  # after a failure, doubled with each one
LEAST_OF_THE_MACHINE = 19  # niceness: the training comes first


class Tracker(Protocol):
    """Where runs are shown."""

    faults: tuple[type[Exception], ...]

    def send(self, run: Snapshot, ledger: Ledger) -> None:
        """Send what `ledger` lacks of `run`, and note it there."""

    def close(self) -> None:
        """Let go of everything."""


def follow(folder: Path, kind: Kind, tracking: Tracking) -> None:
    """Tell a tracker of a run as it goes, until nobody trains it; stdin ends when whoever trains is done or dead.

    Raises:
        TrackerError: At the end, the tracker had not taken everything.
    """
    os.nice(LEAST_OF_THE_MACHINE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the run, not with the job that a scheduler stops
    with files.locked(_turn(folder, kind)), closing(open_tracker(folder, kind, tracking)) as tracker:
        ledger = read_ledger(folder, kind, target_of(kind, tracking))
        wait_s, swept = FIRST_WAIT_S, False
        told: object = None
        while not _ended(folder):
            if told == (now := _state(folder)):
                continue
            try:
                _tell(tracker, ledger, read_snapshot(folder, "running"))
            except TrackerError:
                wait_s = _sleep(folder, wait_s)
                continue
            told, wait_s = now, FIRST_WAIT_S
            if not swept:
                swept = True
                close_killed(folder, kind, tracking)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _tell(tracker, ledger, read_snapshot(folder, _how_it_ended(folder)))


def tell_once(folder: Path, kind: Kind, tracking: Tracking) -> None:
    """Tell a tracker what it lacks of a run, now.

    Raises:
        TrackerError: Another process is telling it, or it cannot be reached, or it refuses.
    """
    _tell_alone(folder, kind, tracking)
    close_killed(folder, kind, tracking)


def close_killed(folder: Path, kind: Kind, tracking: Tracking) -> None:
    """Close the other runs beside `folder` that a tracker shows as running though nobody trains them any more."""
    target = target_of(kind, tracking)
    for path in sorted(folder.resolve().parent.glob(f"*/tracking/{kind}.json")):
        other = path.parent.parent
        if other == folder.resolve() or trains(other):
            continue
        ledger = read_ledger(other, kind, target)
        if not path.samefile(ledger_path(other, kind)) or ledger.status not in ("", "running"):
            continue
        try:
            _tell_alone(other, kind, tracking)
            log.info("%s: closed as %s", other.name, status_of(other))
        except TrackerError as error:
            log.warning("%s: %s", other.name, error)


def open_tracker(folder: Path, kind: Kind, tracking: Tracking) -> Tracker:
    """The tracker of a kind; its library is imported here."""
    if kind == "tensorboard":
        from kerasmed.tracking.tensorboard import TensorBoardTracker

        return TensorBoardTracker(folder)
    if kind == "mlflow":
        from kerasmed.tracking.mlflow import MlflowTracker

        return MlflowTracker(folder, tracking)
    from kerasmed.tracking.wandb import WandbTracker

    return WandbTracker(folder, tracking)


def _tell_alone(folder: Path, kind: Kind, tracking: Tracking) -> None:
    try:
        with files.held(_turn(folder, kind)), closing(open_tracker(folder, kind, tracking)) as tracker:
            ledger = read_ledger(folder, kind, target_of(kind, tracking))
            _tell(tracker, ledger, read_snapshot(folder))
    except files.HeldError as error:
        raise TrackerError(f"{kind}: {error.holder or 'another process'} is telling it of this run.") from error


def _tell(tracker: Tracker, ledger: Ledger, run: Snapshot) -> None:
    before = ledger.error
    try:
        tracker.send(run, ledger)
    except tracker.faults as error:
        ledger.error = _in_one_line(error)
        ledger.save()
        if ledger.error != before:
            log.warning("%s: %s", ledger.kind, ledger.error)
        raise TrackerError(f"{ledger.kind} ({ledger.target}): {ledger.error}") from error
    if before:
        log.info("%s: reached again", ledger.kind)
        ledger.error = ""
        ledger.save()


def _turn(folder: Path, kind: Kind) -> Path:
    """One process at a time tells a tracker of a run."""
    path = ledger_path(folder, kind).with_suffix(".lock")
    path.parent.mkdir(exist_ok=True)
    return path


def _ended(folder: Path) -> bool:
    """Waits for a moment; the run has ended where stdin has, or where nobody holds the run."""
    ready, _, _ = select.select([sys.stdin], [], [], LOOK_S)
    return bool(ready) or not trains(folder)


def _how_it_ended(folder: Path) -> Status:
    """Of a run whose process is gone; the kernel may free its lock a moment after it closed our stdin."""
    last = time.monotonic() + LOCK_S
    while (status := status_of(folder)) == "running" and time.monotonic() < last:
        time.sleep(0.05)
    return status


def _sleep(folder: Path, wait_s: float) -> float:
    """Waits before the next try, but not beyond the end of the run; returns how long to wait after the next failure."""
    last = time.monotonic() + wait_s
    while time.monotonic() < last and not _ended(folder):
        pass
    return min(2 * wait_s, LONGEST_WAIT_S)


def _state(folder: Path) -> tuple[int, ...]:
    """Differs whenever a file that is told of was written."""
    found = (folder / name for name in ("metrics.jsonl", "manifest.json"))
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in found)


def _in_one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
