"""A search that is killed, or whose trial takes all memory, ends as one that was left alone (F31)."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.small_runs import write_small_run

CHECKOUT = Path(__file__).resolve().parents[2]
GRID = "search: {method: grid, objective: val_loss}\ntrainer.learning_rate: [0.1, 0.05]\nloader.batch_size: [16, 32]\n"
NINE = GRID.replace("[0.1, 0.05]", "[0.1, 0.05, 0.02]").replace("[16, 32]", "[16, 32, 64]")
HYPERBAND = "search: {method: hyperband, objective: val_loss, factor: 2}\ntrainer.learning_rate: {log: [1e-2, 1]}\n"
KILLS, SEED = 5, 3
KNOWN_BEST = ("trial", "score", "epoch", "settings")


class Tuning:
    """The command, in processes of their own."""

    def __init__(self, base: Path, backend: str, data: Path) -> None:
        self.base, self.backend, self.data = base, backend, data
        base.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, space: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        (self.base / f"{name}.yaml").write_text(space)
        command = [
            sys.executable, "cli.py", "tune", write_small_run(self.base), *words, "--space", self.base / f"{name}.yaml",
            "--study", name, "--backend", self.backend, "--data-dir", self.data, "--runs-dir", self.base,
        ]  # fmt: skip
        environment = {**os.environ, "KERASMED_CACHE": str(self.base / "cache"), **variables}
        with (self.base / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def finish(self, name: str, space: str, *words: str) -> dict:
        code = self.start(name, space, *words).wait(900)
        assert code == 0, (self.base / f"{name}.log").read_text()
        return self.results(name)

    def results(self, name: str) -> dict:
        return json.loads((self.base / name / "results.json").read_text())


@pytest.fixture
def tuning(tmp_path, backend, simulated_root) -> Tuning:
    return Tuning(tmp_path, backend, simulated_root)


def best(results: dict) -> dict:
    return {name: results["best"][name] for name in KNOWN_BEST}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def words_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("space", [NINE, HYPERBAND], ids=["grid", "hyperband"])
def test_a_search_that_is_killed_five_times_finds_what_it_would_have_found(tuning, space) -> None:
    words = ("trainer.epochs=4",)
    begun = time.monotonic()
    straight = tuning.finish("straight", space, *words)
    took_s, rng, killed = time.monotonic() - begun, random.Random(SEED), 0
    for _ in range(KILLS):
        process = tuning.start("killed", space, *words)
        time.sleep(rng.uniform(0.1, 0.6) * took_s)
        children = children_of(process.pid) if process.poll() is None else []
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        last = time.monotonic() + 30
        while not all(is_gone(child) for child in children):
            assert time.monotonic() < last, "a trial outlives its search"
            time.sleep(0.1)
    found = tuning.finish("killed", space, *words)
    print(f"{killed} kills", [trial["score"] for trial in found["trials"]])  # noqa: T201
    assert killed >= 1
    assert best(found) == best(straight)
    assert [trial["score"] for trial in found["trials"]] == [trial["score"] for trial in straight["trials"]]


@pytest.mark.slow
def test_a_trial_that_takes_all_memory_fails_alone(tuning) -> None:
    space = "search: {method: grid, objective: val_loss, memory_gb: 3}\nmodel.stage_widths: [[4], [30000], [8]]\n"
    found = tuning.finish("greedy", space, "trainer.epochs=1")
    assert [trial["status"] for trial in found["trials"]] == ["complete", "failed", "complete"]
    assert found["trials"][1]["reason"]


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_fails_alone(tuning) -> None:
    process = tuning.start("shot", GRID, "trainer.epochs=200")
    while not (trials := [pid for pid in children_of(process.pid) if b"trial_process" in words_of(pid)]):
        time.sleep(0.1)
    os.kill(trials[0], signal.SIGKILL)
    while "failed" not in (log := (tuning.base / "shot.log").read_text()):
        assert process.poll() is None, log
        time.sleep(0.1)
    assert "its process was ended by SIGKILL" in log
    process.kill()
    process.wait()


@pytest.mark.slow
def test_the_first_interruption_lets_the_trial_save_and_says_how_to_go_on(tuning) -> None:
    process = tuning.start("stopped", GRID, "trainer.epochs=5000")
    while not list((tuning.base / "stopped" / "runs").glob("*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "the same command goes on" in (tuning.base / "stopped.log").read_text()
    (manifest,) = (tuning.base / "stopped" / "runs").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_a_chief_and_two_workers_share_a_study(tuning, unused_port) -> None:
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(unused_port)}
    names = ("chief", "first", "second")
    started = [tuning.start("shared", GRID, "trainer.epochs=1", KERASTUNER_TUNER_ID=name, **address) for name in names]
    assert [process.wait(900) for process in started] == [0, 0, 0], (tuning.base / "shared.log").read_text()
    records = [json.loads(path.read_text()) for path in (tuning.base / "shared" / "trials").glob("*.json")]
    assert [record["status"] for record in records] == ["complete"] * 4
    assert {record["worker"] for record in records} == {"first/0", "second/0"}


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
