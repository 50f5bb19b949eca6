import pytest

from kerasmed import files
from kerasmed.tracking.ledger import Ledger, read_ledger
from kerasmed.tracking.snapshot import public_files, read_snapshot, status_of
from tests.fakes.small_runs import CANARY
from tests.fakes.tracked_runs import change_manifest, row, write_report, write_rows, write_tracked_run


@pytest.fixture
def folder(tmp_path):
    return write_tracked_run(tmp_path / "runs", "small-1")


def test_a_line_that_is_still_being_written_waits_for_the_next_look(folder):
    with (folder / "metrics.jsonl").open("a") as lines:
        lines.write('{"epoch": 3, "lo')
    assert [each.epoch for each in read_snapshot(folder).rows] == [1, 2]


def test_an_epoch_done_again_in_other_time_is_the_same_row(folder):
    first = read_snapshot(folder).rows
    write_rows(folder, row(1, seconds=9.0, examples_per_s=1.0), row(2, loss=0.4))
    again = read_snapshot(folder).rows
    assert first[0].digest == again[0].digest
    assert first[1].digest != again[1].digest


def test_a_point_has_the_time_that_the_folder_says(folder):
    assert read_snapshot(folder) == read_snapshot(folder)
    times = [each.time_ms - read_snapshot(folder).started_ms for each in read_snapshot(folder).rows]
    assert times == [2000, 4000]


def test_a_value_that_is_no_number_is_no_point(folder):
    write_rows(folder, row(1, val_loss=None))
    assert "val_loss" not in read_snapshot(folder).rows[0].values


def test_settings_are_told_by_path_without_addresses_of_trackers(folder):
    params = read_snapshot(folder).params
    assert params["trainer.learning_rate"] == "0.05"
    assert not [name for name in params if name.startswith("tracking")]


def test_evidence_is_told_as_tags(folder):
    tags = read_snapshot(folder).tags
    assert (tags["git.commit"], tags["git.dirty"], tags["kerasmed.backend"]) == ("c0ffee", "true", "jax")
    assert (tags["kerasmed.data_fingerprint"], tags["kerasmed.split_digest"]) == ("f1", "5911")
    assert (tags["kerasmed.weights_sha256"], tags["kerasmed.version"]) == ("dead", "0.1.0")


def test_the_numbers_of_the_report_bear_the_split_that_was_judged(folder):
    assert read_snapshot(folder).metrics == {"test_macro_f1": 0.75}


def test_what_leaves_names_no_record_and_no_place(folder):
    found = public_files(folder)
    assert {"config.yaml", "manifest.json", "report.json", "history.csv", "plots/confusion.png"} == {*found}
    assert CANARY not in b"".join(found.values()).decode()
    assert CANARY not in str(read_snapshot(folder))


def test_lists_of_records_stay_here_and_the_copy_says_so(tmp_path):
    from kerasmed.config.load import load_run, resolved_yaml

    folder = write_tracked_run(tmp_path / "runs", "small-1")
    files.write_text(folder / "config.yaml", resolved_yaml(load_run("mitbih_ds1")))
    said = public_files(folder)["config.yaml"].decode()
    assert said.startswith("# Left out, since this copy has left the machine: dataset.validation_records, tracking\n")
    assert "205" not in said
    assert "dataset.validation_records" not in read_snapshot(folder).params


def test_a_run_that_nobody_holds_and_that_wrote_no_end_was_killed(folder):
    change_manifest(folder, status="running")
    assert status_of(folder) == "killed"
    with files.held(folder / "run.lock"):
        assert status_of(folder) == "running"


def test_a_ledger_knows_what_is_missing(folder):
    run, ledger = read_snapshot(folder), Ledger(folder, "mlflow", "a server")
    ledger.tell(run.rows[:1])
    ledger.save()
    assert ledger.lacks(run) == ["1 of 2 epochs", "the metrics of the report", "that the run is complete"]
    assert read_ledger(folder, "mlflow", "a server") == ledger


def test_another_server_has_been_told_nothing(folder):
    ledger = Ledger(folder, "mlflow", "a server", run="7")
    ledger.save()
    assert read_ledger(folder, "mlflow", "another").run == ""


def test_a_report_written_anew_is_missing(folder):
    ledger = Ledger(folder, "mlflow", "a server", status="complete")
    ledger.metrics = files.digest(dict(read_snapshot(folder).metrics))
    ledger.tell(read_snapshot(folder).rows)
    assert ledger.lacks(read_snapshot(folder)) == []
    write_report(folder, 0.8)
    assert ledger.lacks(read_snapshot(folder)) == ["the metrics of the report"]
