import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from kerasmed.config.run import Tracking
from kerasmed.errors import MissingPackageError
from kerasmed.tracking.follow import PATIENCE_S, following
from kerasmed.tracking.kinds import check_trackers
from kerasmed.tracking.sync import standing
from tests.fakes.small_runs import small_config
from tests.fakes.tracked_runs import end_training, row, start_training, write_rows, write_tracked_run
from tests.fakes.tracker_files import mlflow_of, points_of, runs_of, scalars_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BOARD = Tracking(tensorboard=True)


def wait_until(true, timeout_s=30.0):
    last = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < last, "it never came"
        time.sleep(0.1)


def epochs_told(folder, kind="tensorboard", tracking=BOARD):
    return standing(folder, kind, tracking).epochs


def status_told(folder, kind="tensorboard", tracking=BOARD):
    return standing(folder, kind, tracking).status


@pytest.fixture
def folder(tmp_path):
    return write_tracked_run(tmp_path / "runs", "small-1", "tracking.tensorboard=true", epochs=1, status="running")


def test_epochs_are_told_as_they_come_and_the_end_at_the_end(folder):
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder) == 1)
    write_rows(folder, row(1), row(2))
    wait_until(lambda: epochs_told(folder) == 2)
    assert status_told(folder) == "running"
    assert end_training(child, folder) == (0, "")
    assert status_told(folder) == "complete"
    assert scalars_of(folder, "epochs/loss") == [(1, 1.0), (2, 0.5)]


def test_a_killed_training_is_told_as_killed(folder):
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder) == 1)
    write_rows(folder, row(1), row(2))
    child.kill()
    child.communicate()
    wait_until(lambda: status_told(folder) == "killed")
    assert epochs_told(folder) == 2


def test_the_signals_of_the_terminal_do_not_reach_a_tracker(folder):
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder) == 1)
    (pid,) = followers_of(child.pid)
    assert os.getsid(pid) != os.getsid(child.pid)
    os.kill(pid, signal.SIGTERM)
    write_rows(folder, row(1), row(2))
    wait_until(lambda: epochs_told(folder) == 2)
    end_training(child, folder)


def followers_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:  # noqa: PTH123
        return [int(child) for child in children.read().split()]


def test_a_killed_tracker_does_not_touch_the_training_and_is_made_up_for(folder):
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder) == 1)
    (pid,) = followers_of(child.pid)
    os.kill(pid, signal.SIGKILL)
    code, said = end_training(child, folder)
    assert (code, status_told(folder)) == (0, "running")
    assert f"kerasmed track sync {folder}" in said


def test_a_dead_server_holds_up_neither_the_training_nor_another_tracker(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    words = ("tracking.tensorboard=true", "tracking.mlflow=true", f"tracking.mlflow_uri={uri}")
    folder = write_tracked_run(tmp_path / "runs", "small-1", *words, epochs=1, status="running")
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder) == 1)
    start = time.monotonic()
    code, said = end_training(child, folder)
    assert time.monotonic() - start < PATIENCE_S + 2
    assert code == 0
    assert f"kerasmed track sync {folder}" in said
    assert status_told(folder) == "complete"


def test_without_trackers_no_process_starts(tmp_path):
    folder = write_tracked_run(tmp_path / "runs", "small-1")
    before = followers_of(os.getpid())
    with following(folder, small_config(tmp_path)):
        assert followers_of(os.getpid()) == before
    assert not (folder / "tracking").exists()


def test_an_error_of_the_training_comes_out_as_it_is(folder, tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        following(folder, small_config(tmp_path, "tracking.tensorboard=true")),
    ):
        raise ZeroDivisionError


@pytest.mark.parametrize(("word", "package"), [("tensorboard", "tensorboardx"), ("mlflow", "mlflow")])
def test_a_library_that_is_missing_is_told_before_hours_are_spent(word, package, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'kerasmed\[track\]'") as told:
        check_trackers(Tracking(**{word: True}))
    assert package in str(told.value).lower()


def test_following_loads_no_tracker_into_the_training(folder):
    program = "import sys, kerasmed.tracking.follow, kerasmed.tracking.sync; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"mlflow", "wandb", "tensorboardX", "keras"}.isdisjoint(loaded)


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_gets_the_rest_when_it_is_back(tmp_path):
    server, uri = start_server(tmp_path)
    tracking = Tracking(mlflow=True, mlflow_uri=uri)
    words = ("tracking.mlflow=true", f"tracking.mlflow_uri={uri}")
    folder = write_tracked_run(tmp_path / "runs", "small-1", *words, epochs=1, status="running")
    child = start_training(folder)
    wait_until(lambda: epochs_told(folder, "mlflow", tracking) == 1, 60)
    stop(server)
    write_rows(folder, row(1), row(2))
    code, said = end_training(child, folder)
    assert code == 0
    assert "kerasmed track sync" in said
    assert epochs_told(folder, "mlflow", tracking) == 1
    server, _ = start_server(tmp_path, int(uri.rpartition(":")[2]))
    command = [sys.executable, "-c", "from kerasmed.cli import main; main()", "track", "sync", str(folder)]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=120)
    stop(server)
    assert sent.returncode == 0, sent.stderr
    client = mlflow_of(tmp_path)
    run = runs_of(client)["small-1"]
    assert run.info.status == "FINISHED"
    assert points_of(client, run, "loss") == [(1, 1.0), (2, 0.5)]


def start_server(place, port=0):
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    words = ["--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--artifacts-destination", f"{place}/kept"]
    command = [sys.executable, "-m", "mlflow", "server", *words, "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        command,
        env={**os.environ, **quiet},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: answers(port), 90)
    return server, f"http://127.0.0.1:{port}"


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def stop(server):
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
