import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.small_runs import SMALL, Said, TrainedRun, write_small_run

BACKENDS = {"keras", "jax", "torch", "tensorflow"}


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    return write_small_run(tmp_path)


def alone(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that may be killed or cut short: it writes to no place of ours."""
    places = {"HOME": str(tmp_path), "KERASMED_CACHE": str(tmp_path / "cache")}
    return {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **places}


def test_a_dry_run_shows_the_settings_and_where_the_data_are(kerasmed, run_file, simulated_root):
    ended = kerasmed("train", run_file, "trainer.epochs=7", "--dry-run", "--data-dir", simulated_root)
    assert (ended.code, ended.err) == (0, "")
    assert "  epochs: 7\n" in ended.out
    assert f"dry run: nothing was trained. Data: {simulated_root / 'ecg'}: 25 files" in ended.out


def test_a_dry_run_says_that_data_are_missing(kerasmed, run_file, tmp_path):
    ended = kerasmed("train", run_file, "--dry-run", "--data-dir", tmp_path)
    assert ended.out.endswith(f"Data: {tmp_path / 'ecg'}: missing; see kerasmed data download\n")


def test_a_dry_run_is_json_where_that_is_asked_for(kerasmed, run_file, simulated_root):
    tree = kerasmed("train", run_file, "--backend", "torch", "--dry-run", "--data-dir", simulated_root, "--json").tree
    assert tree["config"]["backend"] == "torch"
    assert tree["data"] == {"folder": str(simulated_root / "ecg"), "files": 25}


def test_a_dry_run_makes_nothing(kerasmed, run_file, simulated_root, tmp_path):
    kerasmed("train", run_file, "--dry-run", "--data-dir", simulated_root)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "small.yaml"]


def test_a_dry_run_loads_neither_a_backend_nor_numpy(run_file, simulated_root):
    words = ["train", str(run_file), "--dry-run", "--data-dir", str(simulated_root)]
    code = f"import sys; from kerasmed.cli import run; run({words}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stderr.split()) & {*BACKENDS, "numpy", "scipy", "matplotlib", "rich"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small.yaml", "--backend", "jacks"], "Invalid value for '--backend': 'jacks' is not one of"),
        (["small.yaml", "backend=jacks"], "backend: no backend named 'jacks'. Did you mean 'jax'?"),
        (["small.yaml", "trainer.epoch=3"], "trainer.epoch: no field named 'epoch'. Did you mean 'epochs'?"),
        (["small.yaml"], "no data folder: give --data-dir FOLDER or set KERASMED_DATA"),
        (["small.yaml", "--dry-run"], "no data folder: give --data-dir FOLDER or set KERASMED_DATA"),
        (["small.yaml", "--data-dir", "gone"], "data folder gone does not exist"),
        (["smal"], "no run preset named 'smal'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_cannot_be_meant_is_one_line_and_exit_code_2(words, said, kerasmed):
    Path("small.yaml").write_text(SMALL)
    ended = kerasmed("train", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {said}")
    assert ended.err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]


@pytest.mark.usefixtures("one_backend")
def test_missing_records_are_named(kerasmed, tmp_path):
    backend = sys.modules["keras"].backend.backend()
    ended = kerasmed("train", "mitbih_ds1", "--backend", backend, "--data-dir", tmp_path)
    (line,) = ended.err.splitlines()
    assert ended.code == 3
    assert "22 records of protocol ds1 are missing" in line
    assert "101, 106, 108" in line
    assert "kerasmed data download mitbih" in line


def test_with_json_only_json_is_on_stdout_and_progress_on_stderr(again: Said, trained: TrainedRun):
    assert again.code == 0
    assert again.tree["metrics"] == trained.report.to_json()["metrics"]
    assert set(again.tree) == {"run", "metrics", "badges"}
    lines = again.err.splitlines()
    assert lines[0].startswith("se_resnet1d: ")
    assert [line.split("  ")[0] for line in lines[1:]] == ["epoch 1/2", "epoch 2/2"]
    assert json.loads(again.out)["run"].startswith(str(trained.places.runs))


@pytest.mark.usefixtures("one_backend")
def test_another_backend_in_the_same_process_is_refused(kerasmed, run_file, simulated_root):
    backend = sys.modules["keras"].backend.backend()
    other = "torch" if backend != "torch" else "jax"
    ended = kerasmed("train", run_file, "--backend", other, "--data-dir", simulated_root)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "start another process" in ended.err


def test_a_training_whose_checkpoints_cannot_be_written_ends_with_5_before_its_first_step(
    kerasmed, run_file, simulated_root, tmp_path
):
    """A limit on the size of files: settings fit below it, weights do not."""
    places = ["--data-dir", simulated_root, "--runs-dir", tmp_path / "runs"]
    assert kerasmed("data", "prepare", run_file, *places).code == 0
    program = [sys.executable, "-c", "from kerasmed.cli import main; main()", "train", run_file, "--backend", "torch"]
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *map(str, (*program, *places))]
    done = subprocess.run(limited, env=alone(tmp_path), capture_output=True, text=True, timeout=60)
    (run,) = (tmp_path / "runs").iterdir()
    assert done.returncode == 5
    assert "but a file may have 0.00819 MB here; raise `ulimit -f`." in done.stderr.splitlines()[-1]
    assert "epoch 1/" not in done.stderr
    assert json.loads((run / "manifest.json").read_text())["status"] == "failed"
    assert list((run / "checkpoints").iterdir()) == []


def test_sigterm_ends_a_training_as_ctrl_c_does(start, run_file, simulated_root, tmp_path):
    places = ("--data-dir", simulated_root, "--runs-dir", "runs")
    process = start("train", run_file, "trainer.epochs=10000", "--backend", "torch", *places, env=alone(tmp_path))
    for line in process.stderr:
        if line.startswith("epoch 2/"):
            break
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    (run,) = (tmp_path / "runs").iterdir()
    *told, error = err.splitlines()
    assert (process.returncode, out) == (130, "")
    assert "ending after this batch; Ctrl-C once more ends at once" in told
    assert error == f"error: interrupted; go on with: kerasmed resume runs/{run.name}"
    assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
