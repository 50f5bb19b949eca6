"""Trains on pictures twice the size of the memory it is allowed.

`flat_memory_child.py BACKEND SCRATCH LIMIT_MB`

The kernel gives the process no more than LIMIT_MB of memory that it can write to (RLIMIT_DATA), the backend and all it
compiles included, and holds the memory map of the pictures as pages that it can drop. Prints what loading the pictures
at once came to, private memory after a quarter and at the end of an epoch over all of them, and its peak.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from private_memory import Sampler
from simulated_pictures import picture_run, picture_spec, picture_stream, write_pictures

from kerasmed import runtime
from kerasmed.data.loaders.batches import BatchStream

SIDE, MB = 1024, 2**20
LIGHT = ["model.widths=[4,8]", "model.convolutions=[1,1]", "model.stem_stride=4", "loader.batch_size=4"]


def main(backend: str, scratch: Path, limit_mb: int) -> None:
    config = picture_run(backend, LIGHT)
    path = scratch / "large.npy"
    if not path.exists():
        write_pictures(path, 2 * limit_mb * MB // SIDE**2, SIDE)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb * MB, limit_mb * MB))
    runtime.use_backend(backend)
    runtime.seed_everything(0)
    from kerasmed.models.windows import build_network
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    stream, spec = picture_stream(path, config), picture_spec(SIDE)
    found = {"limit_mb": limit_mb, "set_mb": path.stat().st_size // MB, "loaded_at_once": load_at_once(stream)}
    with tempfile.TemporaryDirectory(dir=scratch) as folder, Sampler() as sampler:
        network = build_network(config, spec)
        fit(network, spec, stream, ValidationRows(np.arange(0), lambda logits, targets: {}), config, Path(folder))
    quarter = sampler.seen[len(sampler.seen) // 4 :]
    found |= {"quarter_mb": quarter[0] // MB, "end_mb": quarter[-1] // MB, "peak_mb": max(sampler.seen) // MB}
    print(json.dumps(found | {"examples": len(stream.rows)}))


def load_at_once(stream: BatchStream) -> str:
    """What becomes of holding all pictures in memory."""
    try:
        return f"{np.array(stream.inputs['image']).nbytes // MB} MB"
    except MemoryError:
        return "MemoryError"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
