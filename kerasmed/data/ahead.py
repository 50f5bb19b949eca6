"""The work of a pool in order, with so much of it under way at a time and no more."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], num_ahead: int) -> Iterator[Result]:
    """`pool.map`, which would hand out all of `items` at once and hold their results until they are asked for.

    What is left when the caller stops, or when a piece of work fails, is not begun.
    """
    waiting: deque[Future[Result]] = deque()
    remaining = iter(items)
    try:
        waiting.extend(pool.submit(work, item) for item in islice(remaining, num_ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()


def portions(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` of the items, the last one shorter."""
    remaining = iter(items)
    while portion := list(islice(remaining, size)):
        yield portion
