import json
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from kerasmed import files
from kerasmed.config.run import Tracking
from kerasmed.errors import TrackerError
from kerasmed.tracking.follow import sending, surroundings
from kerasmed.tracking.tell import tell_once
from tests.fakes.small_runs import CANARY
from tests.fakes.tracked_runs import change_manifest, row, write_report, write_rows, write_tracked_run
from tests.fakes.tracker_files import mlflow_of, points_of, runs_of

TRACKING = Tracking(mlflow=True)
# mlflow 3.17 under SQLAlchemy 2.1 warns of its own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """An empty database with its tables, which take MLflow seconds to make."""
    runs = tmp_path_factory.mktemp("mlflow")
    mlflow_of(runs)
    return runs / "mlflow.db"


@pytest.fixture
def runs(tmp_path, database):
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copyfile(database, folder / "mlflow.db")
    return folder


@pytest.fixture
def folder(runs):
    return write_tracked_run(runs, "small-1")


def tell(folder, tracking=TRACKING):
    tell_once(folder, "mlflow", tracking)


def one_run(folder):
    client = mlflow_of(folder.parent)
    return client, runs_of(client)[folder.name]


def test_settings_metrics_tags_and_files_arrive(folder):
    tell(folder)
    client, run = one_run(folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["trainer.learning_rate"] == "0.05"
    assert run.data.tags["kerasmed.data_fingerprint"] == "f1"
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert points_of(client, run, "val_loss") == [(1, 1.5), (2, 0.75)]
    assert run.data.metrics["test_macro_f1"] == 0.75
    names = {found.path for found in client.list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "manifest.json", "report.json", "history.csv", "plots"}


def test_nothing_is_sent_twice(folder):
    tell(folder)
    tell(folder)
    client, run = one_run(folder)
    assert len(points_of(client, run, "loss")) == 2
    assert len(points_of(client, run, "test_macro_f1")) == 1


def test_a_point_whose_receipt_was_lost_is_the_same_point(folder):
    tell(folder)
    (folder / "tracking" / "mlflow.json").unlink()
    tell(folder)
    client, run = one_run(folder)
    assert points_of(client, run, "loss") == [(1, 1.0), (2, 0.5)]


def test_a_run_that_nobody_trains_any_more_is_closed_as_killed(runs):
    folder = write_tracked_run(runs, "small-1", status="running")
    tell(folder)
    assert one_run(folder)[1].info.status == "KILLED"


def test_whoever_comes_next_closes_the_killed_runs_beside_it(runs):
    killed = write_tracked_run(runs, "small-1", status="running")
    with files.held(killed / "run.lock"):
        tell(killed)
    assert one_run(killed)[1].info.status == "RUNNING"
    write_rows(killed, row(1), row(2), row(3))
    tell(write_tracked_run(runs, "small-2"))
    client, run = one_run(killed)
    assert (run.info.status, len(points_of(client, run, "loss"))) == ("KILLED", 3)


def test_a_run_that_trains_is_not_closed_by_others(runs):
    training = write_tracked_run(runs, "small-1", status="running")
    with files.held(training / "run.lock"):
        tell(training)
        tell(write_tracked_run(runs, "small-2"))
        assert one_run(training)[1].info.status == "RUNNING"


def test_a_resumed_run_continues_its_run(folder):
    change_manifest(folder, status="interrupted")
    tell(folder)
    _, first = one_run(folder)
    write_rows(folder, row(1), row(2, seconds=7.0), row(3))
    change_manifest(folder, status="running")
    with files.held(folder / "run.lock"):
        tell(folder)
        client, run = one_run(folder)
    assert first.info.status == "KILLED"
    assert (run.info.run_id, run.info.status) == (first.info.run_id, "RUNNING")
    assert points_of(client, run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    change_manifest(folder, status="complete")
    tell(folder)
    assert one_run(folder)[1].info.status == "FINISHED"


def test_a_setting_that_a_resumed_run_changed_is_told_in_a_tag(folder):
    tell(folder)
    config = (folder / "config.yaml").read_text()
    assert "  epochs: 2\n" in config
    files.write_text(folder / "config.yaml", config.replace("  epochs: 2\n", "  epochs: 5\n"))
    tell(folder)
    _, run = one_run(folder)
    assert (run.data.params["trainer.epochs"], run.data.tags["resumed.trainer.epochs"]) == ("2", "5")


def test_a_report_written_anew_is_sent(folder):
    tell(folder)
    write_report(folder, 0.8)
    tell(folder)
    client, run = one_run(folder)
    assert run.data.metrics["test_macro_f1"] == 0.8
    report = client.download_artifacts(run.info.run_id, "report.json")
    assert json.loads(Path(report).read_text())["metrics"]["macro_f1"]["value"] == 0.8


def test_a_run_that_was_deleted_there_is_sent_anew(folder):
    tell(folder)
    client, run = one_run(folder)
    client.delete_run(run.info.run_id)
    tell(folder)
    _, again = one_run(folder)
    assert again.info.run_id != run.info.run_id
    assert again.data.metrics["loss"] == 0.5


def test_no_record_and_no_patient_is_named_anywhere(folder):
    change_manifest(folder, reason=f"{CANARY} is damaged")
    tell(folder)
    written = [folder.parent / "mlflow.db", *(folder.parent / "mlflow-artifacts").rglob("*.*")]
    written += [*(folder / "tracking").iterdir()]
    assert len(written) > 6
    assert [path for path in written if path.is_file() and CANARY.encode() in path.read_bytes()] == []


@pytest.mark.slow
def test_a_database_that_another_holds_is_an_error_and_is_told_later(folder, runs, monkeypatch):
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    tell(folder)
    write_rows(folder, row(1), row(2), row(3))
    with sqlite3.connect(runs / "mlflow.db") as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackerError, match="locked"):
            tell(folder)
        holder.rollback()
    holder.close()
    tell(folder)
    client, run = one_run(folder)
    assert len(points_of(client, run, "loss")) == 3


def test_a_server_that_is_not_there_is_an_error_that_the_ledger_remembers(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = sending("once", "mlflow", folder, Tracking(mlflow=True, mlflow_uri=uri))
    ended = subprocess.run(command, env=surroundings(), capture_output=True, text=True, timeout=60)
    assert ended.returncode == TrackerError.exit_code
    assert "MlflowException" in json.loads((folder / "tracking" / "mlflow.json").read_text())["error"]


@pytest.mark.slow
def test_eight_at_once_on_a_fresh_database_all_arrive(tmp_path):
    folders = [write_tracked_run(tmp_path / "runs", f"small-{number}") for number in range(8)]
    commands = [sending("once", "mlflow", folder, TRACKING) for folder in folders]
    started = [subprocess.Popen(command, env=surroundings(), stderr=subprocess.DEVNULL) for command in commands]
    assert [child.wait(120) for child in started] == [0] * 8
    client = mlflow_of(tmp_path / "runs")
    found = runs_of(client)
    assert {*found} == {folder.name for folder in folders}
    assert all(len(points_of(client, run, "loss")) == 2 for run in found.values())
