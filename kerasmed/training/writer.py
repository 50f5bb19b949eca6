"""Writes checkpoints off the training thread, one at a time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Writer:
    """Runs one job at a time beside the training; a failure is raised on the training's thread, at its next call."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._job: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            self.finish()

    def submit(self, job: Callable[[], None]) -> None:
        """Start `job` when the one before it is done."""
        self.finish()
        self._job = self._pool.submit(job)

    def check(self) -> None:
        """Raise what the last job failed with, if it is known already."""
        if self._job is not None and self._job.done():
            self.finish()

    def finish(self) -> None:
        """Wait for the last job; raise what it failed with."""
        job, self._job = self._job, None
        if job is not None:
            job.result()
