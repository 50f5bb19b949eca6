"""Examples of all records in order: by threads, or by processes where there are many records."""

import hashlib
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np

from kerasmed.data.ahead import in_order, portions
from kerasmed.data.dataset import Dataset
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.worker import Make, Outcome, Worker, attempt
from kerasmed.errors import DataError

Item = TypeVar("Item")
Made = TypeVar("Made")

# numpy and scipy release the lock in the long calls of long records, so two threads are enough for a few of those. With
# short ones threads would only wait for each other.
THREADS, LONG_BYTES = 2, 1 << 19
# Processes take about a second to start.
LEAST_FOR_PROCESSES = 3000
MOST_PROCESSES = 16
PORTION = 32


def make_all(dataset: Dataset) -> Generator[Outcome, None, None]:
    """Examples of each record of `dataset`, with their content, or why there are none; in the order of the records.

    So many results are held as are under way, whatever the number of records.
    """
    make = partial(_make, dataset.make_examples, tuple(dataset.spec.inputs))
    num_processes = min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    pickled = _pickled(make) if len(dataset.records) >= LEAST_FOR_PROCESSES and num_processes > 1 else None
    if pickled is not None:
        yield from by_processes(pickled, dataset.records, num_processes)
    elif _are_long(dataset.records):
        yield from _by_threads(make, dataset.records)
    else:
        yield from (attempt(make, record) for record in dataset.records)


def _make(make_examples: Make, inputs: tuple[str, ...], record: RecordRef) -> Examples:
    examples = make_examples(record)
    return examples if examples.content is not None else replace(examples, content=_content(examples, inputs))


def _content(examples: Examples, inputs: tuple[str, ...]) -> Array:
    """uint64 (n,): a digest of the largest input of each example."""
    largest = max(inputs, key=lambda name: examples.arrays[name].nbytes)
    rows = np.ascontiguousarray(examples.arrays[largest])
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _pickled(make: Make) -> bytes | None:
    """`make` for another process; None where it is made of what has no name there."""
    try:
        return pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


def _are_long(records: tuple[RecordRef, ...]) -> bool:
    """Whether the first record that is there takes many bytes."""
    sizes = (sum(path.stat().st_size for path in record.files if path.is_file()) for record in records)
    return next(filter(None, sizes), 0) >= LONG_BYTES


def _by_threads(make: Make, records: tuple[RecordRef, ...]) -> Iterator[Outcome]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield from in_order(pool, partial(attempt, make), records, 2 * THREADS)


def by_processes(
    pickled: bytes, records: Sequence[Item], num_processes: int, portion: int = PORTION
) -> Iterator[Made | DataError]:
    """What a pickled function makes of each item, or why it cannot; in order. Each thread asks a process of its own."""
    own = threading.local()
    workers: list[Worker] = []

    def begin() -> None:
        own.worker = Worker(pickled)
        workers.append(own.worker)

    def ask(items: list[Item]) -> list[Made | DataError]:
        answer: Callable[[list[Item]], list[Made | DataError]] = own.worker.outcomes
        return answer(items)

    def close() -> None:
        for worker in workers:
            worker.close()

    with ExitStack() as stack:
        stack.callback(close)  # once more, after the last thread has ended: it may have been about to start one
        pool = stack.enter_context(ThreadPoolExecutor(num_processes, initializer=begin))
        stack.callback(close)
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        yield from chain.from_iterable(in_order(pool, ask, portions(records, portion), 2 * num_processes))
