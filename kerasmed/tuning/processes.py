"""The processes of a search as the one that searches sees them: the oracle, and one for each trial."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kerasmed.errors import ConfigError, TrainingError
from kerasmed.runtime import environment_with

GRACE_S = 30.0
TAIL_CHARACTERS = 2000
INTERRUPTED = 130


@dataclass(frozen=True)
class Asked:
    """What an oracle says to a worker: RUNNING with a trial, IDLE (ask again later) or STOPPED (nothing is left)."""

    status: str
    trial: str
    drawn: Mapping[str, Any]


class Oracle:
    """The oracle process.

    Args:
        request: What it is to search: backend, folder, role, objective, direction, epochs.
        log: File for what it says.

    Raises:
        ConfigError: It cannot go on with the study.
    """

    def __init__(self, request: Mapping[str, Any], log: Path) -> None:
        self.log = log
        self.process = _spawn("kerasmed.tuning.oracle_process", (), {}, log, answers=True)
        answer = self._exchange(request)
        if "error" in answer:
            self.close()
            raise ConfigError(answer["error"])

    def ask(self, worker: str) -> Asked:
        """The next trial of a worker."""
        return Asked(**self._exchange({"worker": worker}))

    def tell(self, trial: str, score: float | None, epoch: int, reason: str) -> None:
        """How a trial ended; without a score it failed."""
        self._exchange({"trial": trial, "score": score, "epoch": epoch, "reason": reason})

    def wait(self) -> None:
        """Until it ends by itself, as a chief does; an interruption ends the wait."""
        code = self.process.wait()
        if code:
            raise TrainingError(f"the oracle ended with {code}: {last_line(self.log)}")

    def close(self) -> None:
        """End it; everything that it knows is on disk."""
        _close_input(self.process)
        _end(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _exchange(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise TrainingError(
                f"the oracle of the search ended ({last_line(self.log)}); give the same command again. See {self.log}."
            )
        tree: dict[str, Any] = json.loads(answer)
        return tree


class TrialProcess:
    """A process that waits for a trial.

    Args:
        backend: Of the trial.
        environment: Variables that it needs besides.
        log: File for what it says before it has a trial.
    """

    def __init__(self, backend: str, environment: Mapping[str, str], log: Path) -> None:
        self.process = _spawn("kerasmed.tuning.trial_process", (backend,), environment, log)
        self.begun_s = time.monotonic()
        self.log = log

    def send(self, order: Mapping[str, Any]) -> None:
        """Give it its trial."""
        assert self.process.stdin is not None
        self.log, self.begun_s = Path(order["log"]), time.monotonic()
        with suppress(BrokenPipeError):  # it has ended already, and `ended` says how
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def wait(self) -> None:
        """Until it has saved and ended."""
        _end(self.process)

    def ask_to_end(self) -> None:
        """Let it save and end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End it, at once where it does not end by itself."""
        _close_input(self.process)
        _end(self.process)

    def why(self) -> str:
        """Why it failed, in words."""
        code = self.process.returncode
        if code < 0:
            name = signal.Signals(-code).name
            memory = "; memory may have run out" if -code in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV) else ""
            return f"its process was ended by {name}{memory}"
        return last_line(self.log) or f"its process ended with {code}"


def last_line(path: Path) -> str:
    """The last words in a log; empty where there are none."""
    try:
        said = path.read_bytes()[-TAIL_CHARACTERS:].decode(errors="replace")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")


def _spawn(
    module: str, words: Sequence[str], environment: Mapping[str, str], log: Path, answers: bool = False
) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", module, *words]
    variables = environment_with(PYTHONPATH=os.pathsep.join(sys.path), **environment)
    with log.open("ab") as output:
        # A session of its own: Ctrl-C reaches the search alone, which then lets every trial save.
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE if answers else output, stderr=output,
            start_new_session=True,
        )  # fmt: skip


def _close_input(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended already
        process.stdin.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
