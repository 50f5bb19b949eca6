"""One training for bench.py, in a process of its own.

`fit_child.py BACKEND ours|bare|saving|not_saving RECORDS SCRATCH [PATH=VALUE]...`

Both sides train the same network with the same optimizer on the same beats in the same batch size. `ours` is
`kerasmed.training.fit` from a prepared set on disk; `bare` is `keras.Model.fit` on float32 arrays in memory. `saving`
and `not_saving` measure whole epochs of `ours`, from one end to the next, with a checkpoint after each and without.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import runtime
from kerasmed.build import build
from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.prepared import BadRecordPolicy, Prepared, prepare

EPOCHS = 5
NUM_VALIDATION = 512


def main(backend: str, side: str, records: Path, scratch: Path, words: list[str]) -> None:
    fixed = [
        f"dataset.folder={records.name}",
        f"backend={backend}",
        f"trainer.epochs={EPOCHS}",
        "loader.batch_size=128",
        "trainer.keep=last",
    ]
    config = load_run("demo_beats", [*fixed, *words])
    prepared = prepare(build(config.dataset, records.parent), scratch / "cache", BadRecordPolicy(max_rate=1.0))
    runtime.use_backend(backend)
    runtime.seed_everything(0)
    sides = {"ours": ours, "bare": bare, "saving": partial(epochs, True), "not_saving": partial(epochs, False)}
    seconds, examples = sides[side](config, prepared)
    print(
        json.dumps(
            {
                # The first epoch compiles.
                "examples_per_s": examples / statistics.median(seconds[1:]),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def open_stream(config: RunConfig, prepared: Prepared) -> BatchStream:
    spec, arrays = prepared.spec, prepared.arrays
    rows = np.arange(min(16_384, len(prepared) - NUM_VALIDATION))
    return BatchStream(
        {name: arrays[name] for name in spec.inputs}, {name: arrays[name] for name in spec.targets}, rows,
        np.ones(len(rows), np.float32), config.loader.batch_size, 0,
    )  # fmt: skip


def ours(config: RunConfig, prepared: Prepared) -> tuple[list[float], int]:
    """Seconds of each epoch by the program's own history, and examples in an epoch."""
    from kerasmed.models.windows import build_network
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    spec, stream = prepared.spec, open_stream(config, prepared)
    rows = np.arange(len(stream.rows), len(stream.rows) + NUM_VALIDATION)
    validation = ValidationRows(rows, lambda logits, targets: {"macro_f1": 0.0})
    with tempfile.TemporaryDirectory() as folder:
        history = fit(build_network(config, spec), spec, stream, validation, config, Path(folder))
    return [row["seconds"] for row in history.rows], stream.steps_per_epoch * stream.batch_size


def epochs(saving: bool, config: RunConfig, prepared: Prepared) -> tuple[list[float], int]:
    """Seconds from the end of one epoch to that of the next, validation included, and examples in an epoch."""
    from kerasmed.training import fit as program
    from kerasmed.training.callbacks.save import SaveProgress

    ends = [time.perf_counter()]

    class Clock(SaveProgress):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
            ends.append(time.perf_counter())
            if saving or epoch + 1 == EPOCHS:  # the kept weights are read from the last one
                super().on_epoch_end(epoch, logs)

    program.SaveProgress = Clock  # type: ignore[misc]
    _, examples = ours(config, prepared)
    return [after - before for before, after in pairwise(ends)], examples


def bare(config: RunConfig, prepared: Prepared) -> tuple[list[float], int]:
    """Seconds of each epoch of `keras.Model.fit`, and examples in an epoch."""
    import keras

    from kerasmed.training.losses import build_loss
    from kerasmed.training.optimizer import build_optimizer

    spec, stream = prepared.spec, open_stream(config, prepared)
    num = stream.steps_per_epoch * stream.batch_size
    x = {name: np.asarray(stream.inputs[name][:num], np.float32) * array.scale for name, array in spec.inputs.items()}
    y = {name: np.asarray(values[:num]) for name, values in stream.targets.items()}
    seconds: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seconds.append(time.perf_counter() - self.start)

    model = build(config.model, spec)
    losses = {name: build_loss(config.trainer, target) for name, target in spec.targets.items()}
    model.compile(optimizer=build_optimizer(config.trainer, stream.steps_per_epoch), loss=losses)
    model.fit(x, y, batch_size=stream.batch_size, epochs=EPOCHS, callbacks=[Clock()], verbose=0)
    return seconds, num


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
