"""Our own training as a cell: the loader, the network, the step and the loop of `kerasmed train`."""

import math
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed import runtime
from kerasmed.benchmark.lines import Lines
from kerasmed.benchmark.machine import devices_of, matmul_flops, peak_memory, require_device
from kerasmed.benchmark.turns import Clock, ClockedStream, TurnsOver, turns
from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.records import Array
from kerasmed.workflows.fitting import training_stream
from kerasmed.workflows.judge import measure_logits
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material

if TYPE_CHECKING:
    import keras


def train(order: dict[str, Any], lines: Lines) -> None:
    """Train in turns, then say what the process came to."""
    config, material = _open(order)
    from kerasmed.benchmark.watching import TakeTurns
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    times = {"imported": time.time()}
    clock = Clock(1 if config.backend == "jax" and order["device"] == "gpu" else 0)
    stream = clocked(long_epoch(training_stream(config, material, material.splits.train), order["epoch_steps"]), clock)
    network = seeded_network(config, material, order)
    times["built"] = time.time()
    parameters = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    facts = {"parameters": parameters, **times}
    settle = config.loader.prefetch + config.loader.num_threads + 2
    watcher = TakeTurns(partial(turns, lines, facts=lambda: facts, clock=clock, settle=settle), clock)
    nothing = ValidationRows(np.arange(0), lambda logits, targets: {})
    try:
        with tempfile.TemporaryDirectory(prefix="kerasmed-benchmark-") as folder:
            fit(network, material.prepared.spec, stream, nothing, config, Path(folder), also=[watcher])
    except TurnsOver:
        finished(lines, config, order["device"], watcher.losses())


def train_until(order: dict[str, Any], lines: Lines) -> None:
    """Train as the run says until a metric is reached; say when."""
    config, material = _open(order)
    from kerasmed.benchmark.watching import StopAt
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    spec = material.prepared.spec
    stream = training_stream(config, material, material.splits.train)
    network = seeded_network(config, material, order)
    watcher = StopAt(*order["until"])
    measured = ValidationRows(material.splits.validation, measure_logits(spec, material.dataset.protocol))
    with tempfile.TemporaryDirectory(prefix="kerasmed-benchmark-") as folder:
        fit(network, spec, stream, measured, config, Path(folder), also=[watcher])
    lines.answer(watcher.found())


def finished(lines: Lines, config: RunConfig, device: str, losses: list[float]) -> None:
    """The last answer of a cell: its losses, its memory, its devices, and how fast it multiplies matrices."""
    memory = peak_memory(config.backend)
    rate = matmul_flops(config.trainer.precision, device)
    lines.answer({"losses": losses, "matmul_flops": rate, "devices": devices_of(config.backend), **memory})


def _open(order: dict[str, Any]) -> tuple[RunConfig, Material]:
    """The run and its data, on the backend and the device of the cell."""
    config = load_run(Path(order["config"]))
    runtime.use_backend(config.backend)
    require_device(config.backend, order["device"])
    places = Places(Path(order["data"]), Path(order["runs"]), Path(order["cache"]))
    return config, gather_material(config.dataset, config.seed, places)


def seeded_network(config: RunConfig, material: Material, order: dict[str, Any]) -> "keras.Model":
    """The network as `kerasmed train` would start it, with the weights that all cells start from.

    Backends draw other weights from the same seed: the first cell that has some writes them, the others take them.
    """
    from kerasmed.models.windows import build_network

    runtime.seed_everything(config.seed)
    runtime.use_precision(config.trainer.precision)
    network = build_network(config, material.prepared.spec)
    seeded_weights(network, Path(order["weights"]))
    return network


def seeded_weights(network: "keras.Model", path: Path) -> None:
    """Give `network` the weights in `path`; where there are none yet, put its own there."""
    from kerasmed.training.variables import assign_all, read_variables

    if not path.is_file():
        mine = path.with_name(f"{os.getpid()}-{path.name}")
        np.savez(mine, *read_variables(network.weights))
        with suppress(FileExistsError):  # another cell that started with this one was first
            path.hardlink_to(mine)
        mine.unlink()
    with np.load(path) as stored:
        assign_all(network.weights, [stored[name] for name in stored.files], path.name)


def long_epoch(stream: BatchStream, steps: int) -> BatchStream:
    """`stream` with an epoch of so many steps: the same rows, over and over."""
    times = -(-steps // stream.steps_per_epoch)
    if times == 1:
        return stream
    parts = _parts(stream)
    if stream.chances is not None:
        return BatchStream(**{**parts, "draws": steps * stream.batch_size})
    return BatchStream(**{**parts, "rows": tiled(stream.rows, times), "weights": tiled(stream.weights, times)})


def clocked(stream: BatchStream, clock: Clock) -> ClockedStream:
    """`stream` that tells `clock` when its batches are ready."""
    return ClockedStream(**_parts(stream), clock=clock)


def tiled(values: Array, times: int) -> Array:
    """`values` (n,) so many times over."""
    return np.tile(values, times)


def _parts(stream: BatchStream) -> dict[str, Any]:
    names = [field.name for field in fields(BatchStream) if not field.name.startswith("_")]
    return {name: getattr(stream, name) for name in names}
