"""A run on its way out: every file of it gives the same answers, and none says whose the records were."""

import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kerasmed.evaluation.report import read_report
from kerasmed.files import hash_folder
from kerasmed.inference.beats import predict_record
from kerasmed.workflows.predict import open_model
from tests.conftest import CHECKOUT
from tests.fakes.small_runs import CANARY, TrainedRun


@pytest.fixture
def bare_record(trained: TrainedRun, tmp_path: Path) -> Path:
    """A record without an annotation file."""
    for suffix in ("hea", "dat"):
        (tmp_path / f"S002.{suffix}").write_bytes((trained.places.data / "ecg" / f"S002.{suffix}").read_bytes())
    return tmp_path / "S002.hea"


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `path`, and the members of those that are archives (.keras, .npz)."""
    for file in (path for path in path.rglob("*") if path.is_file()):
        yield file.name, file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from ((f"{file.name}/{name}", archive.read(name)) for name in archive.namelist())


def test_run_saved_model_and_onnx_file_give_the_same_labels(exported: Path, trained: TrainedRun) -> None:
    record = trained.places.data / "ecg" / "S002.hea"
    of_run, *others = (
        predict_record(open_model(path), record)
        for path in (trained.folder, exported, exported.parent, exported / "model.onnx")
    )
    assert len(of_run.labels) > 40
    for other in others:
        np.testing.assert_array_equal(other.labels, of_run.labels)
        np.testing.assert_allclose(other.scores, of_run.scores, atol=1e-4)


def test_a_prediction_tells_which_model_it_is_of(exported: Path, trained: TrainedRun) -> None:
    assert open_model(exported).version == "small/1"
    assert open_model(trained.folder).version == trained.folder.name


def test_a_record_without_annotations_is_predicted(trained: TrainedRun, bare_record: Path) -> None:
    prediction = predict_record(open_model(trained.folder), bare_record)
    assert "R peaks: detector" in prediction.notes
    assert 40 < len(prediction.labels) < 120


def test_training_and_prediction_cut_the_same_beats(trained: TrainedRun) -> None:
    from kerasmed.workflows.judge import score_rows
    from kerasmed.workflows.prepare import gather_material
    from kerasmed.workflows.run_folder import load_run_model

    material = gather_material(trained.config.dataset, 0, trained.places)
    rows = np.flatnonzero(material.prepared.index["record"] == "S003")
    judged = score_rows(load_run_model(trained.folder)[0], material, rows, trained.config.evaluation)
    predicted = predict_record(open_model(trained.folder), trained.places.data / "ecg" / "S003.hea")
    beats = np.isin(predicted.samples, material.prepared.index["sample"][rows])
    np.testing.assert_allclose(predicted.scores[beats], judged.scores, atol=1e-6)


def test_nothing_that_is_published_names_a_patient_or_a_place_of_this_machine(
    exported: Path, trained: TrainedRun
) -> None:
    places = (trained.folder.parents[1], exported.parents[1], CHECKOUT, sys.prefix, Path.home(), tempfile.gettempdir())
    names = [CANARY, *(str(place) for place in places if str(place) != "/")]
    held = dict(contents(exported.parent))
    assert len(held) > 10
    found = {(file, name) for file, content in held.items() for name in names if name.encode() in content}
    assert not found


def test_the_published_report_is_a_report_without_records(exported: Path, trained: TrainedRun) -> None:
    tree = json.loads((exported / "report.json").read_text())
    assert read_report(exported / "report.json").metrics == trained.report.metrics
    assert (tree["records"], tree["worst"]) == ([], [])
    assert "records" not in tree["split"]["train"]
    assert tree["split"]["train"]["patients"] == 3
    assert not any(record in (exported / "report.json").read_text() for record in ("S001", "S008"))


def test_the_saved_model_says_where_it_comes_from(exported: Path, trained: TrainedRun) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    of_run = json.loads((trained.folder / "manifest.json").read_text())
    assert manifest["source"]["run"] == trained.folder.name
    for name in ("git", "split", "weights_sha256"):
        assert manifest["source"][name] == of_run[name]
    assert manifest["source"]["data"]["fingerprint"] == of_run["data"]["fingerprint"]
    assert manifest["files"] == hash_folder(exported, skip=frozenset({"manifest.json"}))
    assert max(manifest["parity"]["max_abs_difference"].values()) <= 1e-4


def test_the_pages_of_a_run_stay_with_the_run(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {
        "model.keras", "model.onnx", "saved_model.pb", "variables", "fingerprint.pb", "spec.json", "config.yaml",
        "report.json", "manifest.json", "assets", "assets.extra", "model.serving.onnx", "card.md",
    }  # fmt: skip
