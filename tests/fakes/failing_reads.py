"""Arrays on a disk that fails: after so many reads they raise, or never return."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kerasmed.data.loaders.batches import BatchStream

FOR_EVER_S = 1e6


class FailingArray:
    """`values` for the first `good_reads`; then whatever `fail` does."""

    base = None

    def __init__(self, values: np.ndarray, good_reads: int, fail: Callable[[], None]) -> None:
        self.values, self.good_reads, self.fail = values, good_reads, fail

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.good_reads -= 1
        if self.good_reads < 0:
            self.fail()
        return self.values[rows]


def hang() -> None:
    time.sleep(FOR_EVER_S)


def no_disk() -> None:
    raise OSError(5, "Input/output error", "signal.npy")


def failing(stream: BatchStream, good_reads: int, fail: Callable[[], None]) -> BatchStream:
    """`stream`, whose signals fail after so many reads."""
    signal = FailingArray(stream.inputs["signal"], good_reads, fail)
    return replace(stream, inputs={**stream.inputs, "signal": signal})
