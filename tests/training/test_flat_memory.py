"""Memory stays flat on a set that does not fit: the kernel's limit says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD, SCALE = (
    Path(__file__).resolve().parents[2] / "benchmarks" / name for name in ("flat_memory_child.py", "scale.py")
)
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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="private memory is read from /proc")
def test_a_hundred_times_the_data_trains_in_the_same_memory(backend: str, tmp_path: Path) -> None:
    words = [sys.executable, str(SCALE), "--backends", backend, "--series", "first,data"]
    done = subprocess.run([*words, "--json", str(tmp_path / "found")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, once, *_, hundred = json.loads((tmp_path / "found").read_text())
    assert hundred["set_mb"] > 90 * once["set_mb"]
    assert hundred["private_mb"] < 1.05 * once["private_mb"]
