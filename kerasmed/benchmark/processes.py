"""The children of a benchmark as the process that measures sees them."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kerasmed.errors import KerasmedError
from kerasmed.runtime import environment_with

GRACE_S = 10.0
TAIL_CHARACTERS = 2000
MODULE = ("-m", "kerasmed.benchmark.child")


class CellError(KerasmedError):
    """A cell that cannot be measured, in words: the reason in its row."""


class Child:
    """A process that measures one cell.

    Args:
        words: What the interpreter runs: a module of ours, or a script of native code.
        environment: Variables that it needs besides.
        log: File for what it says.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log, self.begun = log, time.time()
        variables = environment_with(PYTHONPATH=os.pathsep.join(sys.path), **environment)
        command = [sys.executable, *(("-P",) if words[0] == "-m" else ()), *words]
        with log.open("ab") as said:
            self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
            )

    def ask(self, order: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """The answer to an order.

        Raises:
            CellError: The child failed, or did not answer in time.
        """
        self.tell(order)
        return self.hear(timeout_s)

    def tell(self, order: Mapping[str, Any]) -> None:
        """Give an order, and do not wait for its answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, and `_why` says how
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def hear(self, timeout_s: float) -> dict[str, Any]:
        """The answer to the order before.

        Raises:
            CellError: The child failed, or did not answer in time.
        """
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            if not waiting.select(timeout_s):
                self.process.kill()  # it may hang, and must not take the processor from the others
                raise CellError(f"did not answer within {timeout_s:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise CellError(self._why())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CellError(answer["error"])
        return answer

    def close(self) -> None:
        """End it, at once where it does not end by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.process.kill()
        self.close()

    def _why(self) -> str:
        code = self.process.wait()
        if code < 0:
            memory = "; memory may have run out" if -code in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV) else ""
            return f"its process was ended by {signal.Signals(-code).name}{memory}"
        said = self.log.read_bytes()[-TAIL_CHARACTERS:].decode(errors="replace")
        return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), f"ended with {code}")
