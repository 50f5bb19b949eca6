"""How a cell is measured from within: it runs steps when it is told to, and says how long they took.

The same for our training, for native loops and for inference: `turns` is a generator that is advanced before every
step, so that whoever runs the steps keeps its own loop.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from kerasmed.benchmark.lines import Lines
from kerasmed.data.loaders.batches import Batch, BatchStream

WARM_STEPS = 3
# Batches that the loader made while nobody asked are used up before the clock starts, unless steps are slow.
LONGEST_SETTLING_S = 1.0


class TurnsOver(Exception):  # noqa: N818 - it ends a loop that would go on; nothing is wrong
    """Nobody will order another turn."""


@dataclass
class Clock:
    """When batches were ready, and when the loop asked for them.

    Attributes:
        ahead: How many batches the loop asks for before their step.
    """

    ahead: int = 0
    made: dict[int, float] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)

    def ask(self, step: int) -> None:
        """The loop asks for the batch of a step."""
        self.asked[step] = time.perf_counter()

    def waited_s(self, first: int, last: int) -> float:
        """How long steps `first` to `last`, the last not among them, waited for their batches."""
        asked = ((step + self.ahead, self.asked[step]) for step in range(first, last) if step in self.asked)
        return sum(max(0.0, self.made.get(batch, 0.0) - moment) for batch, moment in asked)


@dataclass(frozen=True)
class ClockedStream(BatchStream):
    """Batches that note when they are ready."""

    clock: Clock = field(default_factory=Clock, compare=False)

    def __getitem__(self, step: int) -> Batch:
        """Batch of a global step."""
        batch = super().__getitem__(step)
        self.clock.made[int(step)] = time.perf_counter()
        return batch


def turns(
    lines: Lines, sync: Callable[[], Any], facts: Callable[[], dict[str, Any]], clock: Clock, settle: int = 1
) -> Generator[None, None, None]:
    """Advance before each step; between steps it waits for orders, times them and answers.

    Args:
        lines: To the process that orders turns.
        sync: Waits until every step is done.
        facts: What is told with the first answer, after the first step and some to warm up.
        clock: Of the loader.
        settle: Steps before the clock of a turn starts, at most.

    Raises:
        TurnsOver: Where the orders end.
    """
    yield
    sync()
    first_step = time.time()
    start, done = time.perf_counter(), 1
    for _ in range(WARM_STEPS):
        done += 1
        yield
    sync()
    step_s = (time.perf_counter() - start) / WARM_STEPS
    lines.answer({"first_step": first_step, "step_s": step_s, **facts()})
    settle = max(1, min(settle, round(LONGEST_SETTLING_S / step_s)))
    while (order := lines.order()) is not None and "finish" not in order:
        for _ in range(settle):
            yield
        sync()
        done += settle
        start = time.perf_counter()
        for _ in range(order["steps"]):
            yield
        sync()
        seconds, waited_s = time.perf_counter() - start, clock.waited_s(done, done + order["steps"])
        done += order["steps"]
        each = []
        for _ in range(order["each"]):
            begun = time.perf_counter()
            yield
            sync()
            each.append(time.perf_counter() - begun)
        if not order["steps"]:  # slow steps: to wait for each of them costs nothing
            seconds, waited_s = sum(each), clock.waited_s(done, done + order["each"])
        done += order["each"]
        steps = order["steps"] or order["each"]
        lines.answer({"steps": steps, "seconds": seconds, "each_s": each, "waited_s": waited_s})
    raise TurnsOver
