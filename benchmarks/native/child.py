"""A cell of native code: `child.py`, started by `kerasmed benchmark --native`.

The same rows in the same order as our training, gathered beforehand and kept in memory: a native loop waits for no
loader. What it does not know of a run (accumulating, focal loss ...) it refuses by name.
"""

import importlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from kerasmed.benchmark.answering_child import answer_in_turns
from kerasmed.benchmark.lines import Lines
from kerasmed.benchmark.machine import devices_of, peak_memory, require_device
from kerasmed.benchmark.one_order import live_for_one_order
from kerasmed.benchmark.turns import Clock, TurnsOver, turns
from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.errors import ConfigError
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.fitting import training_stream
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material

SIDES = {"jax": "jax_side", "torch": "torch_side", "tensorflow": "tensorflow_side"}
KINDS = ("se_resnet1d", "ecg_transformer", "custom_cnn", "cnn3d")
HELD_BYTES = 256_000_000
SETTLE = 3
# Settings that native loops do not know, and the value that means nothing is asked of them.
UNKNOWN = {
    "accumulate_steps": 1, "loss": "cross_entropy", "positive_weights": "none", "layer_decay": None,
    "freeze_epochs": 0, "steps_per_execution": 1,
}  # fmt: skip


class Training(Protocol):
    """A network, its optimizer and its step in one framework."""

    parameters: int

    def step(self, inputs: dict[str, Any], labels: Any, weights: Any) -> Any: ...

    def sync(self) -> None: ...


def train(order: dict[str, Any], lines: Lines) -> None:
    config = load_run(Path(order["config"]))
    require_known(config)
    side = importlib.import_module(SIDES[config.backend])
    require_device(config.backend, order["device"])
    times = {"imported": time.time()}
    places = Places(Path(order["data"]), Path(order["runs"]), Path(order["cache"]))
    material = gather_material(config.dataset, config.seed, places)
    batches = held(training_stream(config, material, material.splits.train))
    training = side.Training(config, material.prepared.spec, order["mode"], order["device"])
    facts = {**times, "built": time.time(), "parameters": training.parameters}
    try:
        run(training, batches, turns(lines, training.sync, lambda: facts, Clock(), SETTLE))
    except TurnsOver:
        lines.answer({"losses": [], "devices": devices_of(config.backend), **peak_memory(config.backend)})


def answer(order: dict[str, Any], lines: Lines) -> None:
    """Answers of plain PyTorch, with weights of its own: they cost what any others do."""
    config, spec = load_run(Path(order["config"])), ExampleSpec.from_json(order["spec"])
    require_network(config)
    side = importlib.import_module(SIDES[config.backend])
    require_device(config.backend, order["device"])
    answer_in_turns(side.answering(config, spec, order["device"]), order, lines)
    lines.answer(dict(peak_memory(config.backend)))


def run(training: Training, batches: Iterator[Any], between: Iterator[None]) -> None:
    step: Callable[..., Any] = training.step
    for (inputs, targets, weights), _ in zip(batches, between, strict=False):
        (labels,), (chosen,) = targets.values(), weights.values()
        step(inputs, labels, chosen)


def held(stream: BatchStream) -> Iterator[Any]:
    """Batches of the first epoch that fit into so much memory, over and over."""
    size = sum(values.nbytes for values in stream[0][0].values())
    count = max(1, min(stream.steps_per_epoch, HELD_BYTES // size))
    return itertools.cycle([stream[step] for step in range(count)])


def require_network(config: RunConfig) -> None:
    if config.model.kind not in KINDS:
        raise ConfigError(f"benchmarks/native has no {config.model.kind}; it has {', '.join(KINDS)}")


def require_known(config: RunConfig) -> None:
    require_network(config)
    for name, plain in UNKNOWN.items():
        if getattr(config.trainer, name) != plain:
            raise ConfigError(f"native loops know no trainer.{name}={getattr(config.trainer, name)}")
    if config.trainer.precision == "mixed_float16":
        raise ConfigError("native loops scale no loss, as trainer.precision=mixed_float16 would need")


if __name__ == "__main__":
    live_for_one_order(lambda order, lines: {"train": train, "answer": answer}[order["job"]](order, lines))
