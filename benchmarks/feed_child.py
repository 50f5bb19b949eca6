"""Does the loader keep a compiled step busy?

`feed_child.py BACKEND SCRATCH [PATH=VALUE]...`

One compiled training step, augmentation inside it, is fed in turns from batches that lie in memory and from the loader,
which gathers the same batches from a memory map on disk. Prints examples per second of both sides; the first turn of
each warms up.
"""

import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from simulated_pictures import picture_run, picture_spec, picture_stream, write_pictures

from kerasmed import runtime

NUM_PICTURES, SIDE, STEPS, TURNS = 4096, 224, 25, 7


def main(backend: str, scratch: Path, words: list[str]) -> None:
    config = picture_run(backend, words)
    path = scratch / "pictures.npy"
    if not path.exists():
        write_pictures(path, NUM_PICTURES, SIDE)
    stream = picture_stream(path, config)
    runtime.use_backend(backend)
    runtime.seed_everything(0)
    from kerasmed.build import build
    from kerasmed.data.loaders import open_stream
    from kerasmed.training.fit import _with_engine, compile_trainee

    spec = picture_spec(SIDE)
    trainee = compile_trainee(build(config.model, spec), spec, stream, config)
    in_memory = itertools.cycle([stream[step] for step in range(stream.steps_per_epoch)])
    sides: dict[str, Iterator[Any]] = {
        "in_memory": in_memory,
        "loaded": iter(open_stream(stream, _with_engine(config.loader))),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(TURNS):
        for side in sides if turn % 2 == 0 else reversed(sides):
            taken = feed(trainee, itertools.islice(sides[side], STEPS))
            if turn:
                seconds[side].append(taken)
    examples = STEPS * stream.batch_size
    print(json.dumps({side: examples / statistics.median(taken) for side, taken in seconds.items()}))


def feed(trainee: Any, batches: Iterable[Any]) -> float:
    """Seconds that the step takes over `batches`."""
    start = time.perf_counter()
    for inputs, targets, weights in batches:
        trainee.train_on_batch(inputs, targets, weights)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
