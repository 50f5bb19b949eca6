"""Callbacks by which a benchmark reaches into `fit`."""

import math
import time
from collections.abc import Callable, Generator
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.benchmark.turns import Clock
from kerasmed.training.monitor import LOWER_IS_BETTER

LOSSES = 20


class TakeTurns(keras.callbacks.Callback):
    """Holds the training up between two steps until the next turn is ordered.

    Args:
        begin: Makes the generator that is advanced before every step, from a function that waits for all steps.
        clock: Told of every step.
    """

    async_safe = True

    def __init__(self, begin: Callable[..., Generator[None, None, None]], clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.between = begin(sync=self.wait)
        # On torch keras' loop asks for a batch before it tells that the step begins, on the others within the step.
        self.fetches_before = keras.backend.backend() == "torch"
        self.means: dict[int, float] = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Let the step begin, now or when the turn comes."""
        next(self.between)
        if not self.fetches_before:
            self.clock.ask(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Keep the first losses."""
        if self.fetches_before:
            self.clock.ask(batch + 1)
        if len(self.means) < LOSSES:
            self.means[batch] = float(logs["loss"])

    def wait(self) -> None:
        """Until every step is done: the smallest weight has come to the host."""
        weights = self.model.trainable_variables
        place = min(range(len(weights)), key=lambda index: math.prod(weights[index].shape))
        state = getattr(self.model, "_jax_state", None)
        # Within an epoch jax holds the values apart; to hand them back to the variables would cost every step.
        value = weights[place].value if state is None else state["trainable_variables"][place]
        np.asarray(ops.convert_to_numpy(value))

    def losses(self) -> list[float]:
        """Loss of each of the first steps: keras tells the mean of all steps up to each."""
        means = [self.means[batch] for batch in sorted(self.means)]
        before = [0.0, *means]
        return [count * mean - (count - 1) * before[count - 1] for count, mean in enumerate(means, start=1)]


class StopAt(keras.callbacks.Callback):
    """Ends the training after the epoch in which a metric has reached a value."""

    def __init__(self, metric: str, value: float) -> None:
        super().__init__()
        self.metric, self.value = metric, value
        self.best: float | None = None
        self.reached: float | None = None
        self.begun = 0.0
        self.epochs = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self.begun = time.time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Look at the metric."""
        self.epochs = epoch + 1
        found = logs.get(self.metric)
        if found is None:
            return
        lower = self.metric in LOWER_IS_BETTER
        self.best = found if self.best is None else (min if lower else max)(self.best, found)
        if (found <= self.value) if lower else (found >= self.value):
            self.reached = time.time()
            self.model.stop_training = True

    def found(self) -> dict[str, Any]:
        """When it was reached, if it was; the best value and the epochs."""
        seconds = None if self.reached is None else self.reached - self.begun
        return {"reached": self.reached, "training_s": seconds, "best": self.best, "epochs": self.epochs}
