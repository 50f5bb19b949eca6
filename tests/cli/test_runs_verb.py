import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kerasmed.config.load import load_run, resolved_yaml
from tests.fakes.scored_runs import judged_pictures, write_scored_run

HOLD = """\
import pathlib, sys, time
from kerasmed.files import held

with held(pathlib.Path(sys.argv[1]) / "run.lock"):
    print("holding", flush=True)
    time.sleep(60)
"""


def make_run(runs, name, started, macro_f1=None, words=(), **manifest):
    folder = runs / name
    folder.mkdir(parents=True)
    config = load_run("mitbih_ds1", words)
    (folder / "config.yaml").write_text(resolved_yaml(config))
    facts = {"status": "complete", "started": started, "backend": config.backend, **manifest}
    (folder / "manifest.json").write_text(json.dumps(facts))
    if macro_f1 is not None:
        estimates = {
            "accuracy": {"value": 0.9, "low": None, "high": None},
            "macro_f1": {"value": macro_f1, "low": macro_f1 - 0.1, "high": macro_f1 + 0.1},
            "macro_auc": {"value": None, "low": None, "high": None, "reason": "no example of the class"},
        }
        report = {
            "metrics": estimates,
            "judged": {"digest": "d"},
            "badges": ["same people"],
            "notes": ["no record 100"],
        }
        (folder / "report.json").write_text(json.dumps(report))
    return folder


def write_epochs(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"epoch": number + 1, "loss": 1.0} for number in range(count)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def hold():
    """Starts processes that hold the lock of a run as a training does; those that a test leaves are killed."""
    started = []

    def start(folder):
        process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "holding\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=20)
        process.stdout.close()


@pytest.fixture
def runs(tmp_path):
    runs = tmp_path / "all runs"
    make_run(runs, "b-20260102-000000-aaaaaa", "2026-01-02T00:00:00+00:00", 0.6, ["seed=1", "backend=torch"])
    make_run(runs, "a-20260103-000000-bbbbbb", "2026-01-03T00:00:00+00:00", status="failed", reason="no memory")
    make_run(runs, "b-20260101-000000-cccccc", "2026-01-01T00:00:00+00:00", 0.5)
    return runs


def test_runs_are_listed_the_oldest_first(kerasmed, runs):
    tree = kerasmed("runs", "list", "--runs-dir", runs, "--json").tree
    assert [run["name"][-6:] for run in tree] == ["cccccc", "aaaaaa", "bbbbbb"]
    assert [run["status"] for run in tree] == ["complete", "complete", "failed"]
    lines = kerasmed("runs", "list", "--runs-dir", runs).out.splitlines()
    columns = ["b-20260101-000000-cccccc", "complete", "0/12", "jax", "se_resnet1d"]
    assert lines[1].split() == [*columns, "Macro", "F1", "0.500", "(0.400", "to", "0.600)"]
    assert lines[3].endswith("-")


def test_a_run_with_a_living_holder_is_running_and_names_it(kerasmed, runs, hold):
    folder = make_run(runs, "c-20260104-000000-dddddd", "2026-01-04T00:00:00+00:00", status="running")
    process = hold(folder)
    tree = kerasmed("runs", "show", "c-", "--runs-dir", runs, "--json").tree
    assert (tree["status"], tree["holder"]["pid"], tree["resume"]) == ("running", process.pid, None)
    said = kerasmed("runs", "show", "c-", "--runs-dir", runs).out
    assert f"held by  process {process.pid} on " in said
    assert " since " in said


def test_a_run_whose_holder_was_killed_is_killed_and_says_how_to_go_on(kerasmed, runs, hold):
    folder = make_run(runs, "c-20260104-000000-dddddd", "2026-01-04T00:00:00+00:00", status="running")
    process = hold(folder)
    assert kerasmed("runs", "list", "--runs-dir", runs, "--json").tree[-1]["status"] == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
    run = kerasmed("runs", "list", "--runs-dir", runs, "--json").tree[-1]
    assert (run["status"], run["holder"], run["resume"]) == ("killed", None, f"kerasmed resume '{folder}'")
    assert f"go on with  kerasmed resume '{folder}'" in kerasmed("runs", "show", "c-", "--runs-dir", runs).out


@pytest.mark.parametrize("status", ["complete", "failed", "interrupted"])
def test_a_run_that_told_its_end_keeps_it_whoever_holds_its_lock(status, kerasmed, runs, hold):
    folder = make_run(runs, "c-20260104-000000-dddddd", "2026-01-04T00:00:00+00:00", status=status)
    hold(folder)
    tree = kerasmed("runs", "show", "c-", "--runs-dir", runs, "--json").tree
    assert (tree["status"], tree["holder"]) == (status, None)
    assert (tree["resume"] is None) == (status == "complete")


def test_the_list_says_how_many_epochs_are_done(kerasmed, runs):
    folder = make_run(
        runs, "c-20260104-000000-dddddd", "2026-01-04T00:00:00+00:00", words=["trainer.epochs=7"], status="running"
    )
    write_epochs(folder, 3)
    assert kerasmed("runs", "list", "--runs-dir", runs).out.splitlines()[-1].split()[1:3] == ["killed", "3/7"]


def test_of_a_cross_validated_run_the_fold_under_way_is_told(kerasmed, runs):
    words = ["dataset.cross_validate=true", "dataset.num_folds=5", "trainer.epochs=7"]
    folder = make_run(runs, "c-20260104-000000-dddddd", "2026-01-04T00:00:00+00:00", words=words, status="running")
    write_epochs(folder / "folds" / "01", 7)
    write_epochs(folder / "folds" / "02", 2)
    assert "epochs      fold 2/5, 2/7\n" in kerasmed("runs", "show", "c-", "--runs-dir", runs).out
    told = kerasmed("runs", "show", "c-", "--runs-dir", runs, "--json").tree["epochs"]
    assert told == {"done": 2, "planned": 7, "fold": 2, "folds": 5}


def test_no_runs_is_no_error(kerasmed):
    assert kerasmed("runs", "list").out == "no runs in runs\n"
    assert kerasmed("runs", "list", "--json").tree == []


@pytest.mark.parametrize("name", ["latest", "a", "a-20260103-000000-bbbbbb"])
def test_a_run_is_found_by_its_name_a_beginning_or_latest(name, kerasmed, runs):
    assert kerasmed("runs", "show", name, "--runs-dir", runs, "--json").tree["name"] == "a-20260103-000000-bbbbbb"


def test_a_run_is_found_by_its_folder(kerasmed, runs):
    folder = runs / "a-20260103-000000-bbbbbb"
    assert kerasmed("runs", "show", folder, "--json").tree["folder"] == str(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b-2026", "run 'b-2026' could be any of b-20260101-000000-cccccc, b-20260102-000000-aaaaaa."),
        (
            "c-20260103-000000-bbbbbb",
            "no run named 'c-20260103-000000-bbbbbb'. Did you mean 'a-20260103-000000-bbbbbb'?",
        ),
    ],
)
def test_a_name_that_means_no_run_or_several_is_refused(name, said, kerasmed, runs):
    ended = kerasmed("runs", "show", name, "--runs-dir", runs)
    assert (ended.code, ended.err) == (2, f"error: {said}\n")


def test_show_tells_how_a_run_ended_and_what_a_reader_must_know(kerasmed, runs):
    failed = kerasmed("runs", "show", "a-", "--runs-dir", runs).out
    assert "failed no memory" in failed
    judged = kerasmed("runs", "show", "b-20260101", "--runs-dir", runs).out
    assert "Macro F1   0.500 (0.400 to 0.600)" in judged
    assert "Macro AUC  -" in judged
    assert "! same people\nno record 100" in judged


@pytest.fixture
def scored(tmp_path):
    runs = tmp_path / "scored"
    write_scored_run(runs, "weak-1", judged_pictures(0.5, 0), ("seed=1",))
    write_scored_run(runs, "good-1", judged_pictures(3.0, 1), ("seed=1", "trainer.epochs=7"))
    return runs


def test_compare_ranks_runs_tests_them_and_tells_changed_settings(kerasmed, scored):
    words = ("runs", "compare", "weak", "good", "--resamples", "100", "--runs-dir", scored)
    tree = kerasmed(*words, "--json").tree
    assert tree["ranking"] == ["good-1", "weak-1"]
    assert {test["test"] for test in tree["tests"]} == {
        "DeLong, by patient", "exact McNemar", "paired bootstrap, by patient",
    }  # fmt: skip
    (changes,) = tree["differences"].values()
    assert [entry["path"] for entry in changes] == ["trainer.epochs"]
    page = Path(tree["page"])
    assert page.parent.parent == scored / "comparisons"
    assert {path.name for path in page.parent.iterdir()} == {
        "comparison.html", "comparison.json", "chart.png", "roc.png",
    }  # fmt: skip
    said = kerasmed(*words).out
    assert "1.     good-1  custom_cnn  " in said
    assert "always PNEUMONIA: 50.0 %" in said
    assert "trainer.epochs" in said


def test_compare_writes_where_it_is_told_and_leaves_the_list_of_runs_alone(kerasmed, scored, tmp_path):
    words = ("runs", "compare", "weak", "good", "--resamples", "100", "--runs-dir", scored)
    assert kerasmed(*words, "--by", "brier", "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "comparison.html").is_file()
    assert [run["name"] for run in kerasmed("runs", "list", "--runs-dir", scored, "--json").tree] == [
        "good-1",
        "weak-1",
    ]


def test_compare_refuses_other_examples_by_name(kerasmed, scored):
    write_scored_run(scored, "other-1", judged_pictures(3.0, 1, 50))
    ended = kerasmed("runs", "compare", "weak", "other", "--runs-dir", scored)
    assert ended.code == 4
    assert "other-1 cannot be compared with weak-1: it was judged on other examples: 10 are missing" in ended.err


def test_compare_refuses_a_run_that_was_not_judged(kerasmed, runs, scored):
    (scored / "weak-1" / "scores.npz").unlink()
    ended = kerasmed("runs", "compare", "weak", "good", "--runs-dir", scored)
    assert (ended.code, "kerasmed evaluate RUN" in ended.err) == (3, True)
    ended = kerasmed("runs", "compare", "a-", "b-20260101", "--runs-dir", runs)
    assert ended.err.startswith("error: a-20260103-000000-bbbbbb: has no report.")


def test_compare_refuses_a_run_named_twice(kerasmed, scored):
    ended = kerasmed("runs", "compare", "weak", "weak-1", "--runs-dir", scored)
    assert ended.err == "error: run weak-1 is named twice; name different runs.\n"


def test_compare_needs_two_runs(kerasmed, runs):
    assert kerasmed("runs", "compare", "a-", "--runs-dir", runs).code == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"status": "complete", "started": null}'])
@pytest.mark.parametrize("file", ["manifest.json", "report.json", "config.yaml"])
def test_a_folder_with_a_broken_file_is_still_listed(content, file, kerasmed, runs):
    (runs / "a-20260103-000000-bbbbbb" / file).write_text(content)
    ended = kerasmed("runs", "list", "--runs-dir", runs, "--json")
    assert len(ended.tree) == 3
    assert kerasmed("runs", "show", "a-", "--runs-dir", runs).code == 0
