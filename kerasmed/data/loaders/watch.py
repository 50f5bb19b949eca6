"""A read that fails or hangs ends the run with an error that names its place, whatever the engine or the backend.

Every read runs in a thread of its own, and the engine's thread waits for it no longer than `loader.timeout_s`. So a
read that never returns (a network mount that died) becomes an exception in the engine's thread, which every engine
carries to the training thread, also where that one waits inside C++. Only the time inside a read counts: a step may
take as long as it likes.
"""

import mmap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from kerasmed.data.loaders.batches import Batch, BatchStream
from kerasmed.data.records import Array
from kerasmed.errors import DataError, KerasmedError, TrainingError

# A process that was stopped or starved finds its time over when it wakes; a read that lives ends within this.
GRACE_S = 1.0
Read = TypeVar("Read")


class Watch:
    """Reads for a training. Leaving it by an error raises the failure of the read that caused it, in plain words.

    Attributes:
        timeout_s: Longest time that one read may take.
        failure: What the first read that failed is to be reported as.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.failure: BaseException | None = None
        self._idle: list[_Reader] = []
        self._lock = threading.Lock()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._open = False
            readers, self._idle = self._idle, []
        for reader in readers:
            reader.end()
        # TensorFlow hands on the text of an exception and not the exception.
        if self.failure is not None and error is not self.failure and isinstance(error, Exception):
            raise self.failure from error

    def read(self, what: str, gather: Callable[[], Read]) -> Read:
        """What `gather` returns; `what` names it in an error.

        Raises:
            TrainingError: It took longer than `timeout_s`, or another read did before.
            DataError: It failed for another reason than memory.
        """
        if isinstance(self.failure, TrainingError):
            raise self.failure  # batches that are made ahead would each wait as long again
        reader = self._take()
        reader.orders.put(gather)
        answer = _first(reader.answers, self.timeout_s) or _first(reader.answers, GRACE_S)
        if answer is None:
            raise self._report(_too_late(what, self.timeout_s))  # the thread is left behind: nothing can end it
        self._give_back(reader)
        value, error = answer
        if error is not None:
            failure = self._report(_unreadable(what, error))
            raise failure from (None if failure is error else error)
        return value

    def _report(self, failure: BaseException) -> BaseException:
        """Remember `failure`, if it is the first, as what the training is to end with."""
        self.failure = self.failure or failure
        return failure

    def _take(self) -> "_Reader":
        with self._lock:
            return self._idle.pop() if self._idle else _Reader()

    def _give_back(self, reader: "_Reader") -> None:
        with self._lock:
            if self._open:
                self._idle.append(reader)
                return
        reader.end()


class WatchedStream:
    """The batches of `stream`, read under a watch."""

    def __init__(self, stream: BatchStream, watch: Watch) -> None:
        self.stream, self.watch = stream, watch
        self._maps = _maps({**stream.inputs, **stream.targets})

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, step: int) -> Batch:
        return self.watch.read(f"the batch of global step {step}", lambda: self._gather(step))

    def _gather(self, step: int) -> Batch:
        # To touch a page beyond the end of its file kills the process (SIGBUS), so ask first.
        for name, mapped in self._maps:
            if mapped.size() < len(mapped):
                raise DataError(name, "became shorter while it was read.", "Prepare the data again, and resume.")
        return self.stream[step]


def watched(values: Iterable[Read], watch: Watch, what: str) -> Iterator[Read]:
    """`values`, each of them read under the watch; `what` names them in an error."""
    iterator = iter(values)
    end: Any = object()
    while (value := watch.read(what, lambda: next(iterator, end))) is not end:
        yield value


class _Reader:
    """A thread that reads what it is told to; it keeps no process from ending."""

    def __init__(self) -> None:
        self.orders: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self.answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._work, name="kerasmed reader", daemon=True).start()

    def end(self) -> None:
        """Let the thread end after its last order."""
        self.orders.put(None)

    def _work(self) -> None:
        while (gather := self.orders.get()) is not None:
            try:
                self.answers.put((gather(), None))
            except BaseException as error:  # noqa: BLE001  raised by the thread that waits for the answer
                self.answers.put((None, error))


def _first(answers: SimpleQueue[Read], timeout_s: float) -> Read | None:
    try:
        return answers.get(timeout=timeout_s)
    except Empty:
        return None


def _too_late(what: str, timeout_s: float) -> TrainingError:
    return TrainingError(
        f"{what} could not be read within loader.timeout_s={timeout_s:g} s: the disk or network mount under the "
        "prepared data may hang; mend it and resume, or raise loader.timeout_s if it is only slow."
    )


def _unreadable(what: str, error: BaseException) -> BaseException:
    if isinstance(error, KerasmedError):
        error.args = (f"{what}: {error}",)
        return error
    if isinstance(error, MemoryError | KeyboardInterrupt):
        return error
    reason = f"could not be read: {type(error).__name__}: {error}."
    return DataError(what, reason, "Mend the prepared data, and resume.")


def _maps(arrays: Mapping[str, Array]) -> list[tuple[str, mmap.mmap]]:
    """File name and memory map of every array that has one."""
    bases: dict[str, Any] = {}
    for name, values in arrays.items():
        bases[str(getattr(values, "filename", None) or name)] = values.base
    return [(name, base) for name, base in bases.items() if isinstance(base, mmap.mmap)]
