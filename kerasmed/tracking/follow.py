"""Trackers beside a training: a process for each, that the training neither waits for nor shares anything with."""

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kerasmed import runtime
from kerasmed.config.run import RunConfig, Tracking
from kerasmed.tracking.kinds import Kind, check_trackers, target_of, trackers_on
from kerasmed.tracking.ledger import read_ledger

log = logging.getLogger(__name__)
PATIENCE_S = 10.0  # at the end of a training, for all trackers together
# A tracker's own habits: no reports to its makers, no waiting for minutes on a server that does not answer, no GPU.
HABITS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "WANDB_ERROR_REPORTING": "false",
    "CUDA_VISIBLE_DEVICES": "-1",
}
# Processes that were still busy when their training had gone on; python complains of one that it loses sight of.
_left: list["subprocess.Popen[bytes]"] = []


@contextmanager
def following(folder: Path, config: RunConfig) -> Iterator[None]:
    """Inside the block the trackers that are on follow the run; afterwards they are told how it ended.

    Enter it while the run is held, outside of what writes down how the run ended: the trackers read that from the
    manifest when the block ends.

    Args:
        folder: Of the run.
        config: Of the run.

    Raises:
        MissingPackageError: The library of a tracker is not installed.
    """
    check_trackers(config.tracking)
    started = {kind: _start(folder, kind, config.tracking) for kind in trackers_on(config.tracking)}
    children = {kind: child for kind, child in started.items() if child is not None}
    try:
        yield
    finally:
        _wait_for(children, folder, config.tracking)


def sending(verb: str, kind: Kind, folder: Path, tracking: Tracking) -> list[str]:
    """The command of the process of a tracker."""
    return [sys.executable, "-P", "-m", "kerasmed.tracking", verb, kind, str(folder), json.dumps(tracking.model_dump())]


def sync_command(folder: Path) -> str:
    """The command that sends what trackers lack of the run in `folder`."""
    return shlex.join(["kerasmed", "track", "sync", str(folder)])


def surroundings() -> dict[str, str]:
    """The environment of the process of a tracker: ours, with what tames the libraries."""
    modules = os.pathsep.join(str(Path(place).resolve()) for place in sys.path if Path(place).exists())
    return runtime.environment_with(PYTHONPATH=modules, **HABITS)


def _start(folder: Path, kind: Kind, tracking: Tracking) -> "subprocess.Popen[bytes] | None":
    """A process in a session of its own, out of reach of Ctrl-C; None, with a word in the log, where none can start."""
    try:
        (folder / "tracking").mkdir(exist_ok=True)
        with (folder / "tracking" / f"{kind}.log").open("ab") as said:
            return subprocess.Popen(  # noqa: S603 - our own module, no shell
                sending("follow", kind, folder, tracking), env=surroundings(), stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        log.warning("%s cannot follow (%s); %s sends it all.", kind, error.strerror, sync_command(folder))
        return None


def _wait_for(children: dict[Kind, "subprocess.Popen[bytes]"], folder: Path, tracking: Tracking) -> None:
    for child in children.values():
        assert child.stdin is not None
        with suppress(OSError):
            child.stdin.close()  # tells it that the run has ended
    last = time.monotonic() + PATIENCE_S
    for kind, child in children.items():
        try:
            code = child.wait(max(0.0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            _left.append(child)
            log.warning("%s is not done yet; %s sends what is left.", kind, sync_command(folder))
            continue
        if code != 0:
            why = read_ledger(folder, kind, target_of(kind, tracking)).error or f"see {folder}/tracking/{kind}.log"
            log.warning("%s lacks part of the run (%s); %s sends it.", kind, why, sync_command(folder))
