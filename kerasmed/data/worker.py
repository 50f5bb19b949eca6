"""Processes that make examples of records, where there are too many records for one.

A worker is this interpreter anew, with a connection and nothing else of ours: no fork of a process that may have loaded
a backend, and no main module that would have to be importable. It is our own child, so what comes from it is trusted.
"""

import logging
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from kerasmed.data.records import Examples, RecordRef
from kerasmed.errors import DataError, KerasmedError

Outcome = Examples | DataError
Make = Callable[[RecordRef], Examples]


@dataclass
class _Answer:
    """What a worker sends back for a portion of records.

    Attributes:
        outcomes: One for each record.
        log: What was logged meanwhile.
        fault: What ended the work, other than a bad record; None where nothing did.
        trace: Where it was raised.
    """

    outcomes: list[Examples | tuple[str, str, str]] = field(default_factory=list)
    log: list[logging.LogRecord] = field(default_factory=list)
    fault: str | None = None
    trace: str = ""


def attempt(make: Make, record: RecordRef) -> Outcome:
    """The examples of a record, or why there are none."""
    try:
        return make(record)
    except DataError as error:
        return error


class Worker:
    """One process, which answers one portion of records at a time."""

    def __init__(self, pickled_make: bytes) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            # The places of modules are those of this process, wherever it got them from.
            places = f"import sys; sys.path[:] = {sys.path!r}"
            code = f"{places}; from kerasmed.data.worker import main; main({theirs.fileno()})"
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module, no shell
                [sys.executable, "-P", "-c", code], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        try:
            self._connection.send_bytes(pickled_make)
        except OSError as error:
            raise self._ended() from error

    def outcomes(self, records: list[RecordRef]) -> list[Outcome]:
        """What becomes of each record.

        Raises:
            KerasmedError: The process ended, or something else than a bad record stopped it.
        """
        try:
            self._connection.send(records)
            answer: _Answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        for told in answer.log:
            logging.getLogger(told.name).handle(told)
        if answer.fault is not None:
            raise KerasmedError(f"a process that prepares records failed: {answer.fault}\n{answer.trace}")
        return [DataError(*each) if isinstance(each, tuple) else each for each in answer.outcomes]

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _ended(self) -> KerasmedError:
        self._process.kill()  # in case it only stopped talking; one that has ended keeps the code with which it did
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return KerasmedError(f"a process that prepares records ended ({how}); is there enough memory? Run again.")


class _Kept(logging.Handler):
    """Keeps what is logged, to be told by the process that has the handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record whose arguments are text already."""
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self.records.append(record)


def main(descriptor: int) -> None:
    """Answer portions until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, it is the parent's to act on
    os.dup2(2, 1)  # what the program says on stdout is for its parent to say
    kept = _Kept()
    logging.getLogger().addHandler(kept)
    with Connection(descriptor) as connection, suppress(EOFError):
        make: Make = connection.recv()
        while True:
            answer = _answer(make, connection.recv())
            answer.log, kept.records = kept.records, []
            connection.send(answer)


def _answer(make: Make, records: list[RecordRef]) -> _Answer:
    answer = _Answer()
    try:
        for record in records:
            found = attempt(make, record)
            told = (found.record, found.reason, found.remedy) if isinstance(found, DataError) else found
            answer.outcomes.append(told)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        return _Answer(fault=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
    return answer
