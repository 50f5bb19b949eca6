"""Whole batches gathered from the arrays of a prepared set, addressed by their global step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kerasmed.data.records import Array

# (inputs, targets, weights): stored integers by input name, targets by target name, float32 weights by target name.
Batch = tuple[dict[str, Array], dict[str, Array], dict[str, Array]]
# Grain asks a source for its length; this many steps is never reached.
ENDLESS_STEPS = 2**40


class Batches(Protocol):
    """Batches by their global step: a `BatchStream`, or one that is watched."""

    def __len__(self) -> int: ...

    def __getitem__(self, step: int) -> Batch: ...


@dataclass(frozen=True)
class BatchStream:
    """The training batches of a run: `stream[g]` is batch g, counted over all epochs.

    Attributes:
        inputs: Arrays of all examples by input name.
        targets: Arrays of all examples by target name.
        rows: int64, the rows to train on.
        weights: float32, one for each of `rows`.
        batch_size: Examples in every batch; the rest of an epoch that fills no batch is left out of that epoch.
        seed: Decides the order, together with the epoch.
        chances: float64, one for each of `rows`, summing to 1: an epoch draws by them, with replacement. Without them
            an epoch is every row once.
        draws: Examples in an epoch that draws; as many as there are rows where it is None.
    """

    inputs: Mapping[str, Array]
    targets: Mapping[str, Array]
    rows: Array
    weights: Array
    batch_size: int
    seed: int
    chances: Array | None = None
    draws: int | None = None
    _orders: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; at least one, in which rows repeat if there are too few to fill it."""
        examples = self.draws if self.chances is not None and self.draws is not None else len(self.rows)
        return max(1, examples // self.batch_size)

    def __len__(self) -> int:
        return ENDLESS_STEPS

    def __getitem__(self, step: int) -> Batch:
        epoch, i = divmod(int(step), self.steps_per_epoch)
        order = self._order(epoch)
        chosen = np.take(order, range(i * self.batch_size, (i + 1) * self.batch_size), mode="wrap")
        return self._gather(chosen)

    def _order(self, epoch: int) -> Array:
        order = self._orders.get(epoch)
        if order is None:
            generator = np.random.default_rng(np.random.SeedSequence((self.seed, epoch)))
            order = self._draw(generator)
            # Threads reach into the next epoch before the last one is done with: keep two.
            for old in [known for known in self._orders if known < epoch - 1]:
                self._orders.pop(old, None)
            self._orders[epoch] = order
        return order

    def _draw(self, generator: np.random.Generator) -> Array:
        if self.chances is None:
            return generator.permutation(len(self.rows))
        return generator.choice(len(self.rows), self.draws or len(self.rows), p=self.chances)

    def _gather(self, chosen: Array) -> Batch:
        rows, weights = self.rows[chosen], self.weights[chosen]
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        targets = {name: values[rows] for name, values in self.targets.items()}
        return inputs, targets, dict.fromkeys(targets, weights)


def scoring_batches(inputs: Mapping[str, Array], rows: Array, batch_size: int) -> Iterator[dict[str, Array]]:
    """Inputs of `rows` in order, in batches of one shape; the last one is filled up with its own last row."""
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        chosen = np.pad(chosen, (0, batch_size - len(chosen)), mode="edge")
        yield {name: values[chosen] for name, values in inputs.items()}


def draw_chances(labels: Array, records: Array, shares: Array, record_balance: float) -> Array:
    """float64 (n,), summing to 1: chance of each example to be drawn.

    Args:
        labels: int (n,), class of each example.
        records: (n,), the record it was cut from.
        shares: float (num_classes,), share that each class is to have; a class without an example has none.
        record_balance: Within a class, a record's say is its count to the power of 1 - `record_balance`.
    """
    _, record_of = np.unique(records, return_inverse=True)
    place = labels.astype(np.int64) * (record_of.max() + 1) + record_of
    says = np.bincount(place)[place].astype(np.float64) ** -record_balance
    per_class = np.bincount(labels, weights=says, minlength=len(shares))
    chances = says * np.asarray(shares)[labels] / per_class[labels]
    return chances / chances.sum()


def class_weights(labels: Array, num_classes: int, rule: str) -> Array:
    """float32 (num_classes,): weight of each class, with a mean of 1 over the examples.

    Args:
        labels: int (n,), class of each example.
        num_classes: Number of classes; a class without an example gets weight 0.
        rule: "none", "balanced" (1 / count) or "sqrt_balanced" (1 / sqrt(count)).
    """
    counts = np.bincount(labels, minlength=num_classes).astype(np.float64)
    exponent = {"none": 0.0, "sqrt_balanced": 0.5, "balanced": 1.0}[rule]
    raw = np.where(counts > 0, np.maximum(counts, 1) ** -exponent, 0.0)
    mean = (raw * counts).sum() / counts.sum()
    return (raw / mean).astype(np.float32)
