"""What a study knows of its trials: kept twice, rebuilt where one of the two is damaged."""

import json

import pytest

from kerasmed.tuning.records import COMPLETE, FAILED, ORACLE, RUNNING, Records, read_records


@pytest.fixture
def folder(tmp_path):
    """Trial 0 is complete, trial 1 failed, trial 2 runs."""
    (tmp_path / "trials").mkdir()
    records = Records(tmp_path)
    for trial in "012":
        records.begin(trial, {"a": int(trial)}, "worker/0")
        if trial != "2":
            records.end(trial, FAILED if trial == "1" else COMPLETE, None if trial == "1" else 0.5, 3, None)
    return tmp_path


def told(folder):
    return [(kind, record.trial) for kind, record in Records(folder).events()]


EVENTS = [("begin", "0"), ("end", "0"), ("begin", "1"), ("end", "1"), ("begin", "2")]


def test_events_come_back_in_their_order(folder):
    assert told(folder) == EVENTS


def test_a_trial_that_another_worker_takes_up_keeps_its_place(folder):
    records = Records(folder)
    records.begin("2", {"a": 2}, "worker/7")
    assert told(folder) == EVENTS
    assert Records(folder).trials["2"].worker == "worker/7"


@pytest.mark.parametrize("content", ["", "{", '{"trials": [{"trial": "0"', '{"trials": 3}', "[]"])
def test_a_damaged_oracle_file_is_set_aside_and_rebuilt_from_the_trials(folder, content):
    (folder / ORACLE).write_text(content)
    records = Records(folder)
    assert [path.read_text() for path in folder.glob("oracle.json.damaged-*")] == [content]
    records.end("2", COMPLETE, 0.1, 1, None)
    assert [trial["status"] for trial in json.loads((folder / ORACLE).read_text())["trials"]] == [
        COMPLETE, FAILED, COMPLETE,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content", ["", "null", '{"trial": "1"}', '{"trial": "9", "drawn": {}, "worker": "", "started": 1}']
)
def test_a_damaged_trial_is_set_aside_and_rebuilt_from_the_oracle_file(folder, content):
    path = folder / "trials" / "1.json"
    whole = path.read_text()
    path.write_text(content)
    assert told(folder) == EVENTS
    assert path.read_text() == whole
    assert len([*folder.glob("trials/1.json.damaged-*")]) == 1


def test_a_trial_that_is_newer_than_the_oracle_file_holds(folder):
    before = (folder / ORACLE).read_text()
    Records(folder).end("2", COMPLETE, 0.1, 1, None)
    (folder / ORACLE).write_text(before)  # killed between the two
    assert Records(folder).trials["2"].status == COMPLETE


def test_what_a_kill_left_half_written_is_swept(folder):
    (folder / "trials" / ".3.json.abc.tmp").write_text("{")
    Records(folder)
    assert not [*folder.glob("trials/.*.tmp")]


def test_a_reader_sees_every_trial_in_order(folder):
    assert [(record.trial, record.status) for record in read_records(folder)] == [
        ("0", COMPLETE), ("1", FAILED), ("2", RUNNING),
    ]  # fmt: skip
