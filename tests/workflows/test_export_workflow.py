"""A run on its way out: every file of it gives the same answers, and none says whose the records were."""

import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.report import read_report
from kerasmed.files import hash_folder
from kerasmed.inference.beats import predict_record
from kerasmed.registry.verify import faults_of
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
    judged = score_rows(load_run_model(trained.folder)[0], material, rows, trained.config)
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


def rows_of(card: str, section: str) -> dict[str, list[str]]:
    """The rows of all tables of a section, by their first cell."""
    text = card.split(f"## {section}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in cells}


def number(cell: str, percent: bool) -> float:
    return float(cell.removesuffix(" %")) / (100 if percent else 1)


def test_the_card_tells_the_numbers_of_the_report(exported: Path) -> None:
    tree = json.loads((exported / "report.json").read_text())
    rows = rows_of((exported / "card.md").read_text(), "How good it is")
    told = 0
    for name, estimate in tree["metrics"].items():
        value, interval, _ = rows[METRICS[name].label]
        percent = METRICS[name].percent
        if estimate["value"] is None:
            assert value == "undefined"
            continue
        told += 1
        assert number(value, percent) == pytest.approx(estimate["value"], abs=6e-4)
        if estimate["low"] is not None:
            low, high = interval.split(" - ")
            assert number(low, percent) == pytest.approx(estimate["low"], abs=6e-4)
            assert number(high, percent) == pytest.approx(estimate["high"], abs=6e-4)
    assert told > 8
    assert {name: int(rows[name][0]) for name in tree["per_class"]} == {
        name: row["support"] for name, row in tree["per_class"].items()
    }


def test_the_card_tells_input_split_source_and_formats(exported: Path) -> None:
    card, manifest = (exported / "card.md").read_text(), json.loads((exported / "manifest.json").read_text())
    split = json.loads((exported / "report.json").read_text())["split"]
    assert card.startswith("# small, version 1\n\n> For research use. Not a medical device")
    assert rows_of(card, "What it reads")["`signal`"][2:] == ["90 Hz", "MLII_residual"]
    assert "must hold the leads MLII in mV" in card
    parts = rows_of(card, "Data and protocol")
    assert {name: int(parts[name][0]) for name in ("train", "validation", "test")} == {
        name: split[name]["examples"] for name in ("train", "validation", "test")
    }
    assert manifest["source"]["data"]["fingerprint"] in card
    assert manifest["source"]["split"] in card
    assert manifest["source"]["run"] in card
    formats = rows_of(card, "Formats and their proof")
    assert set(manifest["written"]) < set(formats)
    assert "finding R peaks" in card.split("## Limits")[1]
    assert card.rstrip().splitlines()[-1].startswith("- **1** (")


def test_the_manifest_tells_the_environment(exported: Path, backend: str) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    assert set(manifest["environment"]) == {"python", "system", "release", "machine"}
    assert {"kerasmed", "keras", "numpy", backend, "onnx"} <= set(manifest["versions"])


def test_a_saved_model_that_was_made_is_sound(exported: Path) -> None:
    assert faults_of(exported) == []
