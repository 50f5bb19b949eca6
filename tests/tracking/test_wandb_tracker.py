import json
import socket
import subprocess

import pytest

from kerasmed.config.run import Tracking
from kerasmed.errors import TrackerError
from kerasmed.tracking.follow import sending, surroundings
from tests.fakes.small_runs import CANARY
from tests.fakes.tracked_runs import change_manifest, row, write_rows, write_tracked_run
from tests.fakes.tracker_files import history_of, wandb_of

TRACKING = Tracking(wandb="offline")


def tell(folder, tracking=TRACKING, **variables):
    """In a process of its own, as always: W&B starts another one and keeps it."""
    command = sending("once", "wandb", folder, tracking)
    environment = {**surroundings(), "WANDB_API_KEY": "", "HOME": str(folder.parent), **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = write_tracked_run(tmp_path_factory.mktemp("wandb") / "runs", "small-1")
    change_manifest(folder, reason=f"{CANARY} is damaged")
    assert tell(folder).returncode == 0
    return folder


def test_offline_every_epoch_arrives_without_network_and_login(told):
    history = history_of(wandb_of(told))
    assert [(json.loads(each["epoch"]), json.loads(each["loss"])) for each in history] == [(1, 1.0), (2, 0.5)]


def test_settings_and_scores_arrive(told):
    (run,) = [record.run for record in wandb_of(told) if record.WhichOneof("record_type") == "run"]
    assert (run.run_id, run.project, run.host, run.settings.ByteSize()) == ("small-1", "kerasmed", "", 0)
    summaries = [record.summary for record in wandb_of(told) if record.WhichOneof("record_type") == "summary"]
    assert ("test_macro_f1", "0.75") in [(item.key, item.value_json) for each in summaries for item in each.update]


def test_the_folder_names_no_record_and_no_patient(told):
    written = [path for path in (told / "wandb").rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []


def test_a_resumed_run_is_one_folder_with_every_epoch_once(tmp_path):
    folder = write_tracked_run(tmp_path / "runs", "small-1", status="interrupted")
    tell(folder)
    write_rows(folder, row(1), row(2, seconds=7.0), row(3))
    change_manifest(folder, status="complete")
    tell(folder)
    tell(folder)
    assert [json.loads(each["epoch"]) for each in history_of(wandb_of(folder))] == [1, 2, 3]


@pytest.mark.slow
def test_online_a_server_that_is_not_there_is_an_error(tmp_path):
    folder = write_tracked_run(tmp_path / "runs", "small-1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    ended = tell(folder, Tracking(wandb="online"), WANDB_BASE_URL=address, WANDB_API_KEY="0" * 40)
    assert ended.returncode == TrackerError.exit_code, ended.stderr
    assert json.loads((folder / "tracking" / "wandb.json").read_text())["error"]
