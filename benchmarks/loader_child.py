"""Examples a second of the loader alone, by engine.

`loader_child.py RUN ENGINE,ENGINE... [PATH=VALUE]...`

The batches of a run as `fit` opens them, with its own batch size, threads and watch, drained without a step. Engines
take turns, and the first turn warms up.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasmed.config.load import load_run
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.watch import Watch, WatchedStream
from kerasmed.workflows.fitting import training_stream
from kerasmed.workflows.places import find_places
from kerasmed.workflows.prepare import gather_material

TURNS, TURN_S = 6, 1.0


def main(run: str, engines: list[str], words: list[str]) -> None:
    config = load_run(run, words)
    material = gather_material(config.dataset, config.seed, find_places(None, Path()))
    stream = training_stream(config, material, material.splits.train)
    speeds: dict[str, list[float]] = {engine: [] for engine in engines}
    with Watch(config.loader.timeout_s) as watch:
        loaders = {engine: config.loader.model_copy(update={"engine": engine}) for engine in engines}
        sides = {engine: iter(open_stream(WatchedStream(stream, watch), loaders[engine])) for engine in engines}
        for turn in range(TURNS):
            for engine in engines if turn % 2 == 0 else reversed(engines):
                speeds[engine].append(drain(sides[engine]) * stream.batch_size)
    found = {engine: statistics.median(taken[1:]) for engine, taken in speeds.items()}
    print(json.dumps({"examples_per_s": found, "batch_size": stream.batch_size}), flush=True)
    os._exit(0)  # threads that make batches ahead would hold the interpreter up


def drain(batches: Iterator[Any]) -> float:
    """Batches a second."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < TURN_S:
        next(batches)
        count += 1
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","), sys.argv[3:])
