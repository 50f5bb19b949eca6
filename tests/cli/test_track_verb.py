import json
import socket

import pytest

from kerasmed import files
from tests.fakes.tracked_runs import change_manifest, row, write_rows, write_tracked_run


@pytest.fixture
def runs(tmp_path):
    write_tracked_run(tmp_path / "runs", "small-1", "tracking.tensorboard=true")
    return tmp_path / "runs"


def test_sync_sends_what_is_missing_once(kerasmed, runs):
    first = kerasmed("track", "sync", "small-1", "--runs-dir", runs, "--json")
    (tracker,) = first.tree["trackers"]
    assert (first.code, tracker["sent"], tracker["epochs"], tracker["lacks"]) == (0, 2, 2, [])
    again = kerasmed("track", "sync", "small-1", "--runs-dir", runs)
    assert again.out.splitlines()[1].split() == ["tensorboard", "2", "of", "2", "-", "complete", "nothing"]


def test_status_tells_what_is_missing_and_sends_nothing(kerasmed, runs):
    kerasmed("track", "sync", "latest", "--runs-dir", runs)
    write_rows(runs / "small-1", row(1), row(2), row(3))
    change_manifest(runs / "small-1", status="failed")
    for _ in range(2):
        (tracker,) = kerasmed("track", "status", "latest", "--runs-dir", runs, "--json").tree["trackers"]
        assert tracker["lacks"] == ["1 of 3 epochs", "that the run is failed"]


def test_a_tracker_can_be_named_after_the_run(kerasmed, tmp_path):
    write_tracked_run(tmp_path / "runs", "small-1")
    sync = ("track", "sync", "small-1", "--runs-dir", tmp_path / "runs")
    refused = kerasmed(*sync)
    assert (refused.code, refused.err.split(";")[0]) == (2, "error: small-1 has no tracker")
    assert kerasmed(*sync, "tracking.tensorboard=true").code == 0


def test_another_setting_is_refused(kerasmed, runs):
    ended = kerasmed("track", "sync", "small-1", "trainer.epochs=3", "--runs-dir", runs)
    assert (ended.code, ended.err.split(":")[1]) == (2, " trainer.epochs=3")


def test_a_tracker_that_cannot_be_reached_ends_with_6_and_the_others_are_told(kerasmed, runs):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    words = ("tracking.mlflow=true", f"tracking.mlflow_uri={uri}")
    ended = kerasmed("track", "sync", "small-1", *words, "--runs-dir", runs, "--json")
    board, mlflow = ended.tree["trackers"]
    assert ended.code == 6
    assert board["lacks"] == []
    assert mlflow["lacks"][0] == "2 of 2 epochs"
    assert ended.err.startswith("error: mlflow: ")
    assert len(ended.err.splitlines()) == 1


def test_a_run_that_another_process_is_telling_of_is_left_to_it(kerasmed, runs):
    (runs / "small-1" / "tracking").mkdir()
    with files.held(runs / "small-1" / "tracking" / "tensorboard.lock"):
        ended = kerasmed("track", "sync", "small-1", "--runs-dir", runs)
    assert ended.code == 6
    assert "is telling it of this run" in ended.err


@pytest.mark.parametrize(
    "uri",
    [
        "http://somebody:ZZSECRET@server:5000", "https://ZZSECRET@server", "postgresql://me:ZZSECRET@server/db",
        "https://server/?token=ZZSECRET",
    ],
)  # fmt: skip
def test_credentials_in_an_address_are_refused_and_not_repeated(kerasmed, uri, tmp_path):
    ended = kerasmed("train", "demo_beats", f"tracking.mlflow_uri={uri}", "--dry-run")
    assert ended.code == 2
    assert "MLFLOW_TRACKING_PASSWORD" in ended.err
    assert "ZZSECRET" not in ended.err + ended.out


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "mlruns", "ftp://server"])
def test_an_address_that_means_another_place_in_every_folder_is_refused(kerasmed, uri, tmp_path):
    ended = kerasmed("config", "check", "demo_beats", f"tracking.mlflow_uri={uri}")
    assert (ended.code, "tracking.mlflow_uri" in ended.err) == (2, True)


def test_what_is_said_as_json_is_json_alone(kerasmed, runs):
    assert json.loads(kerasmed("track", "sync", "latest", "--runs-dir", runs, "--json").out)
