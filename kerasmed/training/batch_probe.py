"""A child that trains a few steps of one batch size: `python -m kerasmed.training.batch_probe FOLDER`.

It ends with 0 where they fit, with NO_MEMORY_CODE where memory ran out, or as its memory ended it.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.errors import KerasmedError
from kerasmed.models.windows import build_network
from kerasmed.runtime import seed_everything, use_backend, use_precision
from kerasmed.spec import ExampleSpec
from kerasmed.training.auto_batch import NO_MEMORY_CODE
from kerasmed.training.memory import available_bytes, limited_memory
from kerasmed.training.plain_errors import backend_errors, is_out_of_memory

# The second step has every slot, and the batches that are made ahead; what it takes, a thousand take.
STEPS = 2
SHARE_OF_MEMORY = 0.9
# What python says when the stack of a thread finds no room below the limit that stands here.
NO_ROOM_FOR_A_THREAD = "can't start new thread"


def main(folder: Path) -> int:
    """Train as `folder` asks; the exit code."""
    request = json.loads((folder / "request.json").read_text())
    config = load_run(folder / "config.yaml")
    use_backend(config.backend)
    try:
        _train(config, ExampleSpec.from_json(request["spec"]), stream_of(request), request["memory_bytes"])
    except KerasmedError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except backend_errors() as error:
        if is_out_of_memory(error) or NO_ROOM_FOR_A_THREAD in str(error):
            return NO_MEMORY_CODE
        raise
    return 0


def stream_of(request: Mapping[str, Any]) -> BatchStream:
    """Batches of the size and the types asked for, all of one empty example."""
    size = request["batch_size"]
    inputs, targets = (
        {name: np.zeros((1, *shape), dtype) for name, (shape, dtype) in request[part].items()}
        for part in ("inputs", "targets")
    )
    return BatchStream(inputs, targets, np.zeros(size, np.int64), np.ones(size, np.float32), size, seed=0)


def _train(config: RunConfig, spec: ExampleSpec, stream: BatchStream, memory_bytes: int | None) -> None:
    from kerasmed.training.fit import compile_trainee

    seed_everything(config.seed)
    use_precision(config.trainer.precision)
    trainee = compile_trainee(build_network(config, spec), spec, stream, config)
    with limited_memory(_limit(memory_bytes)):
        history = trainee.fit(
            open_stream(stream, config.loader), steps_per_epoch=STEPS * config.trainer.steps_per_execution,
            epochs=1, shuffle=False, verbose=0,
        )  # fmt: skip
        # Without being asked for its results, jax does not say that a step has failed.
        np.asarray(history.history["loss"])
        trainee.get_weights()


def _limit(memory_bytes: int | None) -> int:
    if memory_bytes is not None:
        return memory_bytes
    free = available_bytes()
    return 2**62 if free is None else max(0, int(SHARE_OF_MEMORY * free))


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    # Threads that failed without memory would trouble the interpreter on its way out.
    sys.stderr.flush()
    os._exit(code)
