"""How runs begin and end, however they end."""

import json
import logging
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, DataError, InterruptedRunError, TrainingError
from kerasmed.public import public_facts
from kerasmed.workflows.run_folder import create_run, data_place, git_state, recorded
from kerasmed.workflows.status import state_of
from tests.fakes.small_runs import Said, say, small_config, write_small_run

FACTS = {"backend": "jax", "data": {"root": "/a place", "fingerprint": "f"}, "split": "s"}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return small_config(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, config: RunConfig) -> Path:
    return create_run(tmp_path / "runs", config, FACTS)


@contextmanager
def when(line: str, number: signal.Signals) -> Iterator[None]:
    """Sends a signal to this process when the program tells a line that begins so."""

    class Sender(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(line):
                signal.raise_signal(number)

    sender = Sender()
    logging.getLogger("kerasmed").addHandler(sender)
    try:
        yield
    finally:
        logging.getLogger("kerasmed").removeHandler(sender)


@pytest.fixture
def train(backend: str, simulated_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Trains the small run by the program; its words, the data and a runs folder of its own are given."""
    monkeypatch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
    places = ("--data-dir", simulated_root, "--runs-dir", tmp_path / "all runs")

    def call(*words: str) -> tuple[Said, Path]:
        before = {*(tmp_path / "all runs").glob("*")}
        said = say("train", write_small_run(tmp_path), f"backend={backend}", *words, *places)
        (run,) = {*(tmp_path / "all runs").iterdir()} - before
        return said, run

    return call


def manifest_of(folder: Path):
    return json.loads((folder / "manifest.json").read_text())


def test_two_runs_that_start_together_have_folders_of_their_own(tmp_path: Path, config: RunConfig) -> None:
    first, second = (create_run(tmp_path / "runs", config, FACTS) for _ in range(2))
    assert first != second
    assert sorted((tmp_path / "runs").iterdir()) == sorted([first, second])


def test_a_runs_folder_that_cannot_be_made_is_named(tmp_path: Path, config: RunConfig) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written \(Not a directory\); name another with --runs-dir"):
        create_run(tmp_path / "file", config, FACTS)


def test_a_folder_is_a_run_only_once_it_has_a_manifest(folder: Path) -> None:
    """config.yaml, by which runs are listed, is written last: no kill in between leaves a run that cannot go on."""
    assert (folder / "manifest.json").stat().st_mtime_ns <= (folder / "config.yaml").stat().st_mtime_ns
    assert state_of(folder).status == "killed"


@pytest.mark.parametrize("content", ["{}", '{"data": 3}', '{"data": {"root": null}}'])
def test_a_manifest_that_names_no_data_is_damaged(content: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json: is damaged"):
        data_place(folder)


def test_a_run_that_ends_well_is_complete(folder: Path) -> None:
    assert manifest_of(folder)["status"] == "created"
    with recorded(folder):
        assert manifest_of(folder)["status"] == "running"
    assert manifest_of(folder)["status"] == "complete"


def test_a_run_that_fails_says_why(folder: Path) -> None:
    with pytest.raises(TrainingError), recorded(folder):
        raise TrainingError("no memory")
    manifest = manifest_of(folder)
    assert (manifest["status"], manifest["reason"]) == ("failed", "no memory")
    assert (folder / "log.txt").read_text().endswith(" no memory\n")


def test_a_fault_of_ours_leaves_its_trace_in_the_log(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), recorded(folder):
        1 / 0  # noqa: B018
    assert manifest_of(folder)["reason"] == "ZeroDivisionError: division by zero"
    assert "Traceback" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_run_as_interrupted(number: signal.Signals, folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    command = f"go on with: kerasmed resume {folder}"
    with pytest.raises(InterruptedRunError, match=command), recorded(folder):
        signal.raise_signal(number)
    assert manifest_of(folder)["status"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_may_be_recorded_outside_the_main_thread(folder: Path) -> None:
    def work() -> None:
        with recorded(folder):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert manifest_of(folder)["status"] == "complete"


def test_the_log_is_kept_whether_or_not_anyone_listens(folder: Path) -> None:
    log = logging.getLogger("kerasmed")
    level = log.level
    log.setLevel(logging.NOTSET)
    try:
        with recorded(folder):
            logging.getLogger("kerasmed.anything").info("epoch 1")
        assert log.level == logging.NOTSET
    finally:
        log.setLevel(level)
    assert (folder / "log.txt").read_text().endswith(" epoch 1\n")


def test_public_facts_hold_neither_the_data_folder_nor_how_the_run_ended() -> None:
    facts = public_facts({**FACTS, "status": "failed", "reason": "/a place", "ended": "now"})
    assert facts == {"backend": "jax", "data": {"fingerprint": "f"}, "split": "s"}


def test_a_machine_without_git_has_no_commit_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state() == {}


def test_ctrl_c_ends_a_training_after_the_batch_and_the_command_it_prints_ends_it_as_it_would_have(train) -> None:
    _, straight = train()
    with when("epoch 1/", signal.SIGINT):
        said, run = train()
    (line,) = said.errors
    assert said.code == 130
    assert manifest_of(run)["status"] == "interrupted"
    assert not (run / "report.json").exists()
    words = shlex.split(line.partition("go on with: ")[2])
    assert say(*words[1:]).code == 0
    assert manifest_of(run)["status"] == "complete"
    assert manifest_of(run)["weights_sha256"] == manifest_of(straight)["weights_sha256"]


def test_a_loss_that_is_not_finite_ends_with_5_and_nothing_unsound_is_kept(train) -> None:
    import numpy as np

    said, run = train("trainer.learning_rate=10", "trainer.clip_norm=null", "trainer.epochs=4")
    (line,) = said.errors
    assert said.code == 5
    assert line.startswith("error: the loss is not finite at epoch ")
    assert "lower trainer.learning_rate" in line
    assert (manifest_of(run)["status"], f"error: {manifest_of(run)['reason']}") == ("failed", line)
    for file in (run / "checkpoints").glob("*/weights.npz"):
        with np.load(file) as weights:
            assert all(np.isfinite(weights[name]).all() for name in weights.files)
    assert not (run / "report.json").exists()
