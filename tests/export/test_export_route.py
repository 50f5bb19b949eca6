"""One network through the whole route, from the backend under test; every fact of what it leaves behind."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasmed import files
from kerasmed.export.parity import LIMIT, answers_of, probe_inputs
from kerasmed.export.publish import export_run_model
from kerasmed.export.serving import serving_model
from kerasmed.spec import ExampleSpec
from tests.fakes.networks import hard_network, hard_spec, write_custom_layer

# Runs in a process that refuses keras and kerasmed: what a hospital's server has.
ONNXRUNTIME_ONLY = """
import sys
for name in ("keras", "kerasmed", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
stored = np.load(sys.argv[2])
for size in (8, 5, 1):
    batch = {value.name: stored[value.name][:size] for value in session.get_inputs()}
    for output, found in zip(session.get_outputs(), session.run(None, batch)):
        assert np.abs(found - stored[output.name][:size]).max() <= 1e-4, output.name
"""


PREDICTOR_ONLY = """
import sys, pathlib
import numpy as np
from kerasmed.inference.predictor import open_predictor
stored = np.load(sys.argv[2])
predictor = open_predictor(pathlib.Path(sys.argv[1]))
found = predictor.scores({name: stored[name] for name in predictor.spec.inputs})
assert all(np.abs(found[name] - stored[name]).max() <= 1e-4 for name in predictor.spec.targets)
assert "keras" not in sys.modules
"""


@pytest.fixture(scope="module")
def layer_folder(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("layers")
    write_custom_layer(folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def network(backend: str, layer_folder: Path):
    return hard_network(importlib.import_module("gain_layer").Gain())


@pytest.fixture(scope="module")
def published(network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    evidence = {"report.json": {"accuracy": 0.9}, "source": {"run": "toy-1"}}
    root = tmp_path_factory.mktemp("saved")
    return export_run_model(network, hard_spec(), ["saved_model", "onnx"], root, "hard", evidence)


@pytest.fixture(scope="module")
def expected(network) -> dict[str, np.ndarray]:
    return answers_of(serving_model(network, hard_spec()), probe_inputs(hard_spec(), seed=1))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_the_first_export_is_version_1(published: Path) -> None:
    assert published.parts[-2:] == ("hard", "1")


def test_the_version_folder_is_a_saved_model_with_its_papers(published: Path) -> None:
    names = {path.name for path in published.iterdir()}
    assert names >= {"saved_model.pb", "variables", "model.keras", "model.onnx", "spec.json", "report.json"}


def test_every_format_is_proven_against_the_training_process(published: Path) -> None:
    differences = manifest_of(published)["parity"]["max_abs_difference"]
    assert set(differences) == {"keras", "saved_model", "onnx"}
    assert max(differences.values()) <= LIMIT


def test_the_manifest_names_the_backend_that_answered(published: Path, backend: str) -> None:
    assert manifest_of(published)["parity"]["reference"].endswith(f"on {backend}")


def test_the_manifest_holds_the_hash_of_every_file(published: Path) -> None:
    assert manifest_of(published)["files"] == files.hash_folder(published, skip=frozenset({"manifest.json"}))


def test_the_source_goes_into_the_manifest(published: Path) -> None:
    assert manifest_of(published)["source"] == {"run": "toy-1"}


def test_the_spec_beside_the_model_is_the_spec(published: Path) -> None:
    assert ExampleSpec.from_json(json.loads((published / "spec.json").read_text())) == hard_spec()


def test_onnx_answers_alike_where_neither_keras_nor_kerasmed_is(published: Path, expected, tmp_path: Path) -> None:
    np.savez(tmp_path / "stored.npz", **probe_inputs(hard_spec(), seed=1), **expected)
    command = [sys.executable, "-c", ONNXRUNTIME_ONLY, published / "model.onnx", tmp_path / "stored.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_onnx_carries_its_spec_and_version(published: Path) -> None:
    from kerasmed.export.onnx_file import open_onnx

    opened = open_onnx(published / "model.onnx")
    assert (opened.spec, opened.version) == (hard_spec(), "hard/1")


def test_a_predictor_answers_through_onnx_and_loads_no_keras(published: Path, expected, tmp_path: Path) -> None:
    np.savez(tmp_path / "stored.npz", **probe_inputs(hard_spec(), seed=1), **expected)
    command = [sys.executable, "-c", PREDICTOR_ONLY, published.parent, tmp_path / "stored.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_batch_axis_of_onnx_is_free_and_named(published: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(published / "model.onnx", providers=["CPUExecutionProvider"])
    assert {value.shape[0] for value in (*session.get_inputs(), *session.get_outputs())} == {"batch"}


def test_classes_exclude_each_other_and_findings_do_not(expected) -> None:
    np.testing.assert_allclose(expected["label"].sum(axis=1), 1, atol=1e-6)
    assert np.abs(expected["finding"].sum(axis=1) - 1).max() > 0.01


def test_no_published_file_names_a_folder_of_this_machine(published: Path) -> None:
    places = [str(published.parents[1]).encode(), str(Path(__file__).parents[2]).encode()]
    content = [path.read_bytes() for path in published.rglob("*") if path.is_file()]
    assert not any(place in data for place in places for data in content)


def test_the_next_export_is_version_2_and_leaves_version_1_alone(network, published: Path) -> None:
    before = files.hash_folder(published)
    second = export_run_model(network, hard_spec(), ["keras"], published.parents[1], "hard", {})
    assert second.name == "2"
    assert files.hash_folder(published) == before
