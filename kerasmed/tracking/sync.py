"""What trackers lack of a run, and sending it now."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kerasmed.config.run import Tracking
from kerasmed.tracking.follow import sending, surroundings
from kerasmed.tracking.kinds import PACKAGES, Kind, check_trackers, target_of, trackers_on
from kerasmed.tracking.ledger import read_ledger
from kerasmed.tracking.snapshot import read_snapshot


@dataclass(frozen=True)
class Standing:
    """What a tracker knows of a run.

    Attributes:
        tracker: Its kind.
        target: Where it writes.
        run: Its own id of the run; "" where it has none.
        epochs: How many epochs it was told of, as they are now.
        num_epochs: How many the run has.
        status: The last status it was told; "" where none.
        lacks: What it was not told, in words.
        error: Why the last attempt failed; "" where it did not.
        sent: How many epochs this attempt sent.
    """

    tracker: Kind
    target: str
    run: str
    epochs: int
    num_epochs: int
    status: str
    lacks: tuple[str, ...]
    error: str
    sent: int = 0


def standing(folder: Path, kind: Kind, tracking: Tracking) -> Standing:
    """What a tracker knows of a run, by its ledger; asks no server."""
    run = read_snapshot(folder)
    ledger = read_ledger(folder, kind, target_of(kind, tracking))
    told = len(run.rows) - len(ledger.missing(run.rows))
    return Standing(
        kind, ledger.target, ledger.run, told, len(run.rows), ledger.status, tuple(ledger.lacks(run)), ledger.error
    )


def sync(folder: Path, tracking: Tracking, timeout_s: float) -> list[Standing]:
    """Tell every tracker that is on what it lacks of a run, each in a process of its own.

    Args:
        folder: Of the run.
        tracking: The trackers; may differ from the run's own.
        timeout_s: A tracker that takes longer is given up.

    Raises:
        MissingPackageError: The library of a tracker is not installed.
    """
    check_trackers(tracking)
    kinds = trackers_on(tracking)
    before = {kind: standing(folder, kind, tracking) for kind in kinds}
    with ThreadPoolExecutor(len(PACKAGES)) as pool:
        said = dict(zip(kinds, pool.map(lambda kind: _send(folder, kind, tracking, timeout_s), kinds), strict=True))
    after = {kind: standing(folder, kind, tracking) for kind in kinds}
    return [
        Standing(
            **{**vars(after[kind]), "error": said[kind], "sent": max(0, after[kind].epochs - before[kind].epochs)}
        )
        for kind in kinds
    ]  # fmt: skip


def _send(folder: Path, kind: Kind, tracking: Tracking, timeout_s: float) -> str:
    """Why a tracker does not know everything; "" where it does."""
    command = sending("once", kind, folder, tracking)
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell
            command, env=surroundings(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
            check=False, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:g} s"
    (folder / "tracking").mkdir(exist_ok=True)
    with (folder / "tracking" / f"{kind}.log").open("a") as log:
        log.write(ended.stderr)
    if ended.returncode == 0:
        return ""
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"its process ended with {ended.returncode}"
