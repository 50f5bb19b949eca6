"""Memory stays flat on a set that does not fit: the kernel's limit says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).resolve().parents[2] / "benchmarks" / "flat_memory_child.py"
LIMIT_MB = 2048


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all private memory on Linux alone")
def test_pictures_twice_the_size_of_memory_train_in_flat_memory(backend: str, tmp_path: Path) -> None:
    words = [sys.executable, str(CHILD), backend, str(tmp_path), str(LIMIT_MB)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["set_mb"] >= 2 * found["limit_mb"]
    assert found["loaded_at_once"] == "MemoryError"
    assert found["peak_mb"] < found["limit_mb"]
    assert found["end_mb"] < found["quarter_mb"] + 100
