"""A run that was killed goes on to the result that it would have had; what has changed is told before."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kerasmed import files
from kerasmed.config.load import load_run
from kerasmed.errors import ConfigError, LeakageError, OtherModelError
from kerasmed.workflows.resume import resume
from kerasmed.workflows.run_folder import update_manifest
from kerasmed.workflows.train import train
from tests.fakes.small_runs import TrainedRun, copied, killed

UNTIMED = ("seconds", "examples_per_s")


@pytest.fixture
def run(trained: TrainedRun, tmp_path: Path) -> Path:
    return killed(trained, tmp_path)


def manifest_of(folder: Path):
    return json.loads((folder / "manifest.json").read_text())


def history_of(folder: Path):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in UNTIMED} for row in rows]


def test_a_killed_run_ends_as_it_would_have(trained: TrainedRun, run: Path) -> None:
    report = resume(run, load_run(run), trained.places)
    assert report is not None
    straight, resumed = manifest_of(trained.folder), manifest_of(run)
    assert resumed["weights_sha256"] == straight["weights_sha256"]
    assert (resumed["status"], resumed["kept_epoch"]) == ("complete", straight["kept_epoch"])
    assert history_of(run) == history_of(trained.folder)
    assert report.to_json()["metrics"] == trained.report.to_json()["metrics"]
    assert [entry["changes"] for entry in resumed["resumes"]] == [[]]


def test_a_run_that_was_killed_while_it_was_judged_is_judged(trained: TrainedRun, run: Path) -> None:
    resume(run, load_run(run), trained.places)
    (run / "report.json").unlink()
    update_manifest(run, status="running")
    resume(run, load_run(run), trained.places)
    assert json.loads((run / "report.json").read_text())["metrics"] == trained.report.to_json()["metrics"]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins(trained: TrainedRun, run: Path) -> None:
    for folder in (run / "checkpoints").iterdir():
        files.remove_folder(folder)
    (run / "spec.json").unlink()
    resume(run, load_run(run), trained.places)
    assert manifest_of(run)["weights_sha256"] == manifest_of(trained.folder)["weights_sha256"]
    assert (run / "spec.json").read_bytes() == (trained.folder / "spec.json").read_bytes()


def test_what_a_kill_left_half_written_is_swept_away(trained: TrainedRun, run: Path) -> None:
    (run / "checkpoints" / ".step-000000099.abc.tmp").mkdir()
    (run / "checkpoints" / ".epoch-0001.abc.old").mkdir()
    (run / ".manifest.json.abc.tmp").write_text("{")
    resume(run, load_run(run), trained.places)
    assert not list(run.rglob(".*"))


def test_a_complete_run_is_left_as_it_is(trained: TrainedRun) -> None:
    def content() -> dict[Path, bytes]:
        found = (path for path in trained.folder.rglob("*") if path.is_file() and path.name != "run.lock")
        return {path: path.read_bytes() for path in found}

    before = content()
    assert resume(trained.folder, trained.config, trained.places) is None
    assert content() == before


def test_more_epochs_extend_a_complete_run(trained: TrainedRun, run: Path) -> None:
    resume(run, load_run(run), trained.places)
    assert resume(run, load_run(run, ["trainer.epochs=3"]), trained.places) is not None
    assert [row["epoch"] for row in history_of(run)] == [1, 2, 3]
    assert history_of(run)[:2] == history_of(trained.folder)
    assert load_run(run).trainer.epochs == 3
    assert manifest_of(run)["resumes"][-1]["changes"] == ["trainer.epochs: 2 -> 3"]


def test_the_second_resume_is_refused_and_names_the_holder(trained: TrainedRun, run: Path) -> None:
    code = (
        "import sys, pathlib; from kerasmed import files\n"
        "with files.held(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, run / "run.lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(ConfigError, match=f"is being trained by process {other.pid} on"):
            resume(run, load_run(run), trained.places)
        other.stdin.close()
    assert manifest_of(run)["status"] == "running"


def test_a_changed_setting_is_refused_with_the_difference(trained: TrainedRun, run: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match=r"trainer\.learning_rate: 0\.05 -> 0\.01"):
        resume(run, load_run(run, ["trainer.learning_rate=0.01"]), trained.places)
    assert (manifest_of(run)["status"], (run / "config.yaml").read_bytes()) == ("running", before)


def test_a_config_edited_by_hand_is_refused_too(trained: TrainedRun, run: Path) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.05", "learning_rate: 0.5"))
    with pytest.raises(ConfigError, match=r"trainer\.learning_rate: 0\.05 -> 0\.5"):
        resume(run, load_run(run), trained.places)


def test_who_insists_goes_on_and_the_manifest_tells(trained: TrainedRun, run: Path) -> None:
    resume(run, load_run(run, ["trainer.learning_rate=0.01"]), trained.places, allow_change=True)
    assert manifest_of(run)["resumes"][0]["changes"] == ["trainer.learning_rate: 0.05 -> 0.01"]
    assert [row["learning_rate"] for row in history_of(run)] == pytest.approx([0.05, 0.01], rel=1e-6)
    assert load_run(run).trainer.learning_rate == 0.01


def test_settings_that_change_no_result_are_free(trained: TrainedRun, run: Path) -> None:
    words = ["loader.num_threads=2", "loader.prefetch=2", "trainer.save_every=3steps"]
    resume(run, load_run(run, words), trained.places)
    assert manifest_of(run)["weights_sha256"] == manifest_of(trained.folder)["weights_sha256"]


def test_changed_data_are_refused_with_the_difference(trained: TrainedRun, run: Path, tmp_path: Path) -> None:
    data = copied(trained.places.data, tmp_path / "data")
    listing = data / "ecg" / "RECORDS"
    listing.write_text(listing.read_text().replace("S008\n", ""))
    with pytest.raises(ConfigError, match=r"data fingerprint: (?s:.*)records: 8 -> 7"):
        resume(run, load_run(run), replace(trained.places, data=data))


def test_other_examples_cannot_be_insisted_on(trained: TrainedRun, run: Path) -> None:
    config = load_run(run, ["dataset.examples.rate_hz=180.0"])
    with pytest.raises(ConfigError, match="cannot go on: its examples were"):
        resume(run, config, trained.places, allow_change=True)


def test_another_version_of_keras_is_refused(trained: TrainedRun, run: Path) -> None:
    update_manifest(run, versions={**manifest_of(run)["versions"], "keras": "3.15.0"})
    with pytest.raises(ConfigError, match=r"keras: 3\.15\.0 -> 3\."):
        resume(run, load_run(run), trained.places)


@pytest.mark.slow
def test_another_backend_takes_the_state_over(trained: TrainedRun, run: Path, backend: str) -> None:
    """Noise on the features is drawn otherwise there; the rest of the second epoch is the same."""
    other = "torch" if backend != "torch" else "jax"
    program = "import sys; from kerasmed.cli import main; main()"
    words = ["resume", run, "--backend", other, "--data-dir", trained.places.data]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert f"going on on {other} what {backend} began" in done.stderr
    ours, theirs = history_of(run)[1], history_of(trained.folder)[1]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.03)
    assert manifest_of(run)["backend"] == load_run(run).backend == other


def test_a_change_that_was_insisted_on_is_not_refused_before_the_next_checkpoint(
    trained: TrainedRun, run: Path
) -> None:
    """A run that was interrupted in between goes on by the command that it printed."""
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.05", "learning_rate: 0.01"))
    update_manifest(run, resumes=[{"changes": ["trainer.learning_rate: 0.05 -> 0.01"]}])
    with pytest.raises(ConfigError, match="began otherwise"):
        resume(run, load_run(run, ["trainer.learning_rate=0.02"]), trained.places)
    resume(run, load_run(run), trained.places)
    assert [row["learning_rate"] for row in history_of(run)] == pytest.approx([0.05, 0.01], rel=1e-6)


def test_a_change_to_another_optimizer_leaves_the_run_as_it_was(trained: TrainedRun, run: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(OtherModelError, match=r"cannot go on with these changes: step-.*another model or optimizer"):
        resume(run, load_run(run, ["trainer.optimizer=adamw"]), trained.places, allow_change=True)
    assert (run / "config.yaml").read_bytes() == before
    resume(run, load_run(run), trained.places)
    assert manifest_of(run)["weights_sha256"] == manifest_of(trained.folder)["weights_sha256"]


def test_a_complete_run_that_had_changed_since_its_last_checkpoint_is_complete(
    trained: TrainedRun, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    words = ["evaluation.bootstrap=10"]
    assert resume(folder, load_run(folder, words), trained.places, allow_change=True) is not None
    assert resume(folder, load_run(folder), trained.places) is None


def test_a_complete_run_without_its_checkpoints_is_complete(trained: TrainedRun, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    shutil.rmtree(folder / "checkpoints")
    assert resume(folder, load_run(folder), trained.places) is None


def test_a_run_that_goes_on_no_longer_tells_of_its_former_end(trained: TrainedRun, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    with pytest.raises(OtherModelError):
        resume(folder, load_run(folder, ["trainer.epochs=3", "trainer.optimizer=adamw"]), trained.places, True)
    assert {manifest_of(folder)[name] for name in ("kept_epoch", "weights_sha256")} == {None}
    assert not (folder / "report.json").exists()


def test_what_the_run_was_trained_on_never_comes_to_judge_it(trained: TrainedRun, run: Path) -> None:
    """Another seed deals other patients to each part."""
    before = (run / "split.json").read_bytes()
    with pytest.raises(LeakageError, match="would judge it; train a new run"):
        resume(run, load_run(run, ["seed=1"]), trained.places, allow_change=True)
    assert (run / "split.json").read_bytes() == before


def test_a_record_that_is_gone_from_training_can_be_insisted_on(trained: TrainedRun, run: Path, tmp_path: Path) -> None:
    split = json.loads((run / "split.json").read_text())
    split["digest"], split["train"]["records"] = "other", [*split["train"]["records"], "S999"]
    (run / "split.json").write_text(json.dumps(split))
    update_manifest(run, split="other")
    with pytest.raises(ConfigError, match="split: other -> "):
        resume(run, load_run(run), trained.places)
    assert resume(run, load_run(run), trained.places, allow_change=True) is not None


def test_a_run_that_began_before_a_setting_existed_goes_on_by_its_default(trained: TrainedRun, run: Path) -> None:
    (newest,) = (run / "checkpoints").glob("step-*")
    state = json.loads((newest / "state.json").read_text())
    del state["config"]["crops"], state["config"]["trainer"]["positive_weights"]
    (newest / "state.json").write_text(json.dumps(state))
    hashes = files.hash_folder(newest, skip=frozenset({"manifest.json"}))
    (newest / "manifest.json").write_text(json.dumps(hashes))
    resume(run, load_run(run), trained.places)
    assert manifest_of(run)["weights_sha256"] == manifest_of(trained.folder)["weights_sha256"]


def test_a_run_that_stops_early_on_its_schedule_goes_on_as_if_it_never_had(trained: TrainedRun, tmp_path: Path) -> None:
    places = replace(trained.places, runs=tmp_path)
    trainer = trained.config.trainer.model_copy(update={"stop_after": 1, "schedule": "cosine"})
    short = trained.config.model_copy(update={"trainer": trainer})
    whole = short.model_copy(update={"trainer": trainer.model_copy(update={"stop_after": None})})
    straight, _ = train(whole, places)
    folder, _ = train(short, places)
    assert len(history_of(folder)) == 1
    assert resume(folder, short, places) is None
    assert resume(folder, whole, places) is not None
    assert manifest_of(folder)["weights_sha256"] == manifest_of(straight)["weights_sha256"]
    assert history_of(folder) == history_of(straight)
    assert manifest_of(folder)["resumes"][-1]["changes"] == ["trainer.stop_after: 1 -> None"]


def test_a_run_cannot_be_made_to_stop_before_it_did(trained: TrainedRun, run: Path) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.stop_after: None -> 1"):
        resume(run, load_run(run, ["trainer.stop_after=1"]), trained.places)
