"""Two files of volumes, 12 GB together, prepare and train in less than 2 GB of memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

MOST_BYTES = 2_000_000_000
SHAPE = (128, 128, 64)
COUNTS = {"normal": 650, "abnormal": 830}  # about what OAI-MRI-3DDESS ships, float64
RUN = """\
dataset:
  kind: volume_npy
  folder: knees
  files: {normal: normal.npy, abnormal: abnormal.npy}
  examples: {shape: [16, 32, 32], slices: last}
model: {kind: cnn3d, widths: [4], dense_width: 4}
loader: {batch_size: 32}
trainer: {epochs: 1, warmup_epochs: 0.0}
evaluation: {bootstrap: 5, batch_size: 32}
"""
# The peak of the process itself and of the children that it has waited for, in kilobytes on Linux.
MEASURED = """\
import json, resource, sys
from kerasmed.cli import run
if __name__ == "__main__":
    code = run(sys.argv[2:])
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    open(sys.argv[1], "w").write(json.dumps(1024 * max(peaks)))
    sys.exit(code)
"""


def write_sparse(path: Path, count: int, seed: int) -> None:
    """A file of zeros that takes no room on disk, but for a few random voxels in each volume."""
    np.lib.format.open_memmap(path, "w+", np.float64, (count, *SHAPE)).flush()
    volumes = np.load(path, mmap_mode="r+")
    rng = np.random.default_rng(seed)
    for row in range(count):
        volumes[row, 64, 60:62] = rng.random((2, SHAPE[-1]))


@pytest.mark.slow
def test_twelve_gigabytes_of_volumes_train_in_less_than_two(tmp_path):
    folder = tmp_path / "data" / "knees"
    folder.mkdir(parents=True)
    for seed, (name, count) in enumerate(COUNTS.items()):
        write_sparse(folder / f"{name}.npy", count, seed)
    assert sum(path.stat().st_size for path in folder.iterdir()) > 12e9
    (tmp_path / "large.yaml").write_text(RUN)
    peak = tmp_path / "peak.json"
    words = ["train", tmp_path / "large.yaml", "--data-dir", tmp_path / "data", "--runs-dir", tmp_path / "runs"]
    subprocess.run(
        [sys.executable, "-c", MEASURED, peak, *words],
        check=True,
        env={**os.environ, "KERASMED_CACHE": str(tmp_path / "cache")},
    )
    assert json.loads(peak.read_text()) < MOST_BYTES
