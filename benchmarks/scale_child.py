"""One point of scale.py: `scale_child.py POINT SCRATCH`, POINT in JSON, the set prepared below SCRATCH already.

Opens the set, splits and guards it, and fits as `kerasmed train` does, with validation after each epoch. Prints, of the
epochs after the first, which compiles, examples a second (median, without validation) and examples a second of
processor time (validation and checkpoint included); those of the loader alone; memory.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loader_child import drain
from private_memory import Sampler, highest_resident_bytes, private_bytes
from simulated_signals import SimulatedSignals

from kerasmed import runtime
from kerasmed.config.load import load_run
from kerasmed.config.run import Loader
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.loaders.watch import Watch, WatchedStream
from kerasmed.workflows.fitting import training_stream
from kerasmed.workflows.judge import measure_logits
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material

MB = 2**20


def main(point: dict[str, Any], scratch: Path) -> None:
    config = load_run("ptbxl_superdiagnostic", point["words"])
    runtime.use_backend(config.backend)
    runtime.seed_everything(config.seed)
    runtime.use_precision(config.trainer.precision)
    with Sampler() as sampler:
        material = opened(point, scratch)
        stream, spec = training_stream(config, material, material.splits.train), material.prepared.spec
        opened_bytes = private_bytes()
        from keras.callbacks import LambdaCallback

        from kerasmed.models.windows import build_network
        from kerasmed.training.fit import _with_engine, fit
        from kerasmed.training.scoring import ValidationRows

        begun: list[float] = []
        watcher = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(time.process_time()))

        validation = ValidationRows(material.splits.validation, measure_logits(spec, material.dataset.protocol))
        network = build_network(config, spec)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            history = fit(network, spec, stream, validation, config, Path(folder), also=[watcher])
        spent_s = time.process_time() - begun[1]
    trained = (len(history.rows) - 1) * stream.steps_per_epoch * stream.batch_size
    found = {
        "examples_per_cpu_s": trained / spent_s,
        "examples_per_s": statistics.median(row["examples_per_s"] for row in history.rows[1:]),
        "loader_per_s": alone(stream, _with_engine(config.loader)),
        "set_mb": sum(path.stat().st_size for path in material.prepared.folder.rglob("*.npy")) / MB,
        "opened_mb": opened_bytes / MB, "private_mb": max(sampler.seen) / MB,
        "resident_mb": highest_resident_bytes() / MB, "trained_on": len(stream.rows),
    }  # fmt: skip
    print(json.dumps(found), flush=True)
    os._exit(0)  # threads that make batches ahead would hold the interpreter up


def opened(point: dict[str, Any], scratch: Path) -> Material:
    """The data of a point."""
    settings = SimulatedSignals(**{name: point[name] for name in ("examples", "num_leads", "length_s")})
    return gather_material(settings, 0, Places(scratch, scratch, scratch))


def alone(stream: BatchStream, loader: Loader) -> float:
    """Examples a second of the loader, drained without a step."""
    with Watch(loader.timeout_s) as watch:
        batches = iter(open_stream(WatchedStream(stream, watch), loader))
        drain(batches)
        return drain(batches) * stream.batch_size


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
