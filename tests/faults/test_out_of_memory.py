"""F12: a batch that does not fit ends the program with one line, exit code 5 and a run that says so."""

import json
import os
import subprocess
import sys

from tests.conftest import CHECKOUT
from tests.fakes.small_runs import write_small_run

# Room for every backend and its threads, and not for one array of the first layer below.
LIMIT_BYTES = 1_500_000_000
HUGE = ("loader.batch_size=16384", "loader.prefetch=1", "model.stem_width=1024")
PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv.pop(1)),) * 2)
from kerasmed.cli import main
main()
"""


def test_a_batch_that_does_not_fit_ends_with_one_line_that_says_what_to_try(backend, simulated_root, tmp_path):
    places = ("--data-dir", simulated_root, "--runs-dir", tmp_path / "runs", "--backend", backend)
    command = [sys.executable, "-c", PROGRAM, LIMIT_BYTES, "train", write_small_run(tmp_path), *places, *HUGE]
    environment = {**os.environ, "KERASMED_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([*map(str, command)], cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "loader.batch_size=8192, or trainer.auto_batch=true" in line
    (manifest,) = (tmp_path / "runs").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["status"] == "failed"
