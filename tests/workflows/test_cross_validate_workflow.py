"""Records left out in turn, on a small set of records that bear the names of MIT-BIH."""

import json
import shutil
from pathlib import Path

import pytest

from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, LeakageError
from kerasmed.workflows.evaluate import evaluate_run
from kerasmed.workflows.places import Places
from kerasmed.workflows.resume import resume
from kerasmed.workflows.run_folder import update_manifest
from kerasmed.workflows.train import train
from tests.fakes.beats import write_beats
from tests.fakes.small_runs import write_small_run

NAMES = ("101", "106", "109", "112")
DATASET = (
    "dataset={kind: mitbih_beats, protocol: ds1, validation_records: ['112'], cross_validate: true, num_folds: 2, "
    "allow_missing: true, examples: {rate_hz: 90.0, scaling: none}}"
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    base = tmp_path_factory.mktemp("folds")
    for number, name in enumerate(NAMES):
        write_beats(base / "data" / "mitdb", name, "NNVNSNFN" * 3, seed=number)
    return Places(base / "data", base / "runs", base / "cache")


def configured(folder: Path, backend: str, *words: str) -> RunConfig:
    return load_run(write_small_run(folder), (f"backend={backend}", DATASET, "trainer.epochs=1", *words))


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, places: Places) -> Path:
    """A run of two folds; once, whatever the backend."""
    backend = request.getfixturevalue("backend")
    return train(configured(places.data, backend, "trainer.keep=last"), places)[0]


def test_every_record_is_judged_by_a_model_that_never_saw_it(folder: Path) -> None:
    held_out = [json.loads((fold / "manifest.json").read_text())["held_out"] for fold in (folder / "folds").iterdir()]
    report = json.loads((folder / "report.json").read_text())
    assert sorted(name for names in held_out for name in names) == list(NAMES)
    assert sorted(row["record"] for row in report["records"]) == list(NAMES)
    assert sorted(report["split"]["folds"]) == sorted(held_out)


def test_a_fold_leaves_its_history_and_its_weights(folder: Path) -> None:
    for fold in ("01", "02"):
        found = {path.relative_to(folder / "folds" / fold).as_posix() for path in (folder / "folds" / fold).rglob("*")}
        assert {"history.csv", "metrics.jsonl", "checkpoints/epoch-0001/weights.npz"} <= found


def test_the_report_says_how_it_was_judged_and_what_is_missing(folder: Path) -> None:
    notes = " ".join(json.loads((folder / "report.json").read_text())["notes"])
    assert "Cross-validated over records" in notes
    assert "missing records of the protocol (18 of 22)" in notes


def test_a_run_that_was_killed_within_a_fold_ends_as_it_would_have(
    folder: Path, places: Places, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(folder, tmp_path / folder.name))
    shutil.rmtree(run / "folds" / "02" / "checkpoints")
    (run / "report.json").unlink()
    update_manifest(run, status="running")
    resume(run, load_run(run), places)
    for name, fact in (
        ("folds/01/manifest.json", "weights_sha256"),
        ("folds/02/manifest.json", "weights_sha256"),
        ("report.json", "metrics"),
    ):
        ours, theirs = (json.loads((each / name).read_text())[fact] for each in (run, folder))
        assert ours == theirs


def test_folds_that_are_dealt_otherwise_are_refused(folder: Path, places: Places, tmp_path: Path) -> None:
    """The first fold is fitted already, on what another deal would let it be judged by."""
    run = Path(shutil.copytree(folder, tmp_path / folder.name))
    update_manifest(run, status="running")
    with pytest.raises(LeakageError, match="split otherwise now"):
        resume(run, load_run(run, ["dataset.num_folds=3"]), places, allow_change=True)


def test_a_cross_validated_run_has_no_model_of_its_own(folder: Path, places: Places) -> None:
    with pytest.raises(ConfigError, match=r"was cross-validated: it has a model for each fold and none of its own"):
        evaluate_run(folder, places)


def test_choosing_an_epoch_by_the_records_that_judge_is_refused(places: Places, tmp_path: Path) -> None:
    nowhere = Places(places.data, tmp_path / "runs", tmp_path / "cache")
    with pytest.raises(ConfigError, match=r"set trainer\.keep=last"):
        train(configured(tmp_path, "jax"), nowhere)
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "cache").exists()
