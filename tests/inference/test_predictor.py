"""Models opened from where they were saved."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ContractError
from kerasmed.export.parity import answers_of, probe_inputs
from kerasmed.export.publish import export_run_model
from kerasmed.export.serving import serving_model
from kerasmed.inference.predictor import Predictor, open_predictor, score_examples
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from kerasmed.versions import version_folder
from tests.fakes.networks import hard_network, hard_spec


@pytest.fixture(scope="module")
def network(backend: str):
    return hard_network()


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run_model(network, hard_spec(), ["keras"], tmp_path_factory.mktemp("saved"), "hard", {})


@pytest.fixture
def saved(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "hard" / "1")


def test_a_saved_model_answers_as_the_network_did(network, saved: Path, backend: str) -> None:
    inputs = probe_inputs(hard_spec(), seed=2)
    expected = answers_of(serving_model(network, hard_spec()), inputs)
    found = open_predictor(saved, backend).scores(inputs)
    assert max(np.abs(found[name] - expected[name]).max() for name in expected) <= 1e-6


def test_the_folder_of_a_model_stands_for_its_newest_version(saved: Path) -> None:
    (saved.parent / ".lock").touch()
    newest = Path(shutil.copytree(saved, saved.parent / "2"))
    assert version_folder(saved.parent) == newest


def test_a_damaged_model_is_refused(saved: Path, backend: str) -> None:
    content = bytearray((saved / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (saved / "model.keras").write_bytes(content)
    with pytest.raises(ContractError, match=r"model\.keras: is missing or not what the manifest"):
        open_predictor(saved, backend)


def test_an_edited_spec_is_refused(saved: Path, backend: str) -> None:
    (saved / "spec.json").write_text((saved / "spec.json").read_text().replace("MLII", "V5"))
    with pytest.raises(ContractError, match=r"spec\.json: is missing or not what the manifest"):
        open_predictor(saved, backend)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_broken_manifest_is_refused(content: bytes, saved: Path, backend: str) -> None:
    (saved / "manifest.json").write_bytes(content)
    with pytest.raises(ContractError, match=r"manifest\.json|was not written by this version"):
        open_predictor(saved, backend)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ContractError, match=r"neither a saved model folder nor an \.onnx file"):
            open_predictor(path)


def test_stored_integers_are_scaled_and_long_inputs_go_in_batches() -> None:
    spec = ExampleSpec({"x": ArraySpec((1,), "int16", 1e-3, "mV")}, {"label": TargetSpec("single_label", ("N",))})
    sizes = []

    def scores(inputs):
        sizes.append(len(inputs["x"]))
        return {"label": inputs["x"]}

    stored = np.arange(2500, dtype=np.int16)[:, None]
    found = score_examples(Predictor(spec, scores, "m/1"), {"x": stored})["label"]
    np.testing.assert_array_equal(found, stored.astype(np.float32) * np.float32(1e-3))
    assert sizes == [1024, 1024, 452]


@pytest.mark.parametrize("arrays", [{}, {"x": np.zeros((2, 3), np.int16)}, {"x": np.zeros((2, 1, 1), np.int16)}])
def test_inputs_that_are_not_those_of_the_spec_are_refused(arrays) -> None:
    spec = ExampleSpec({"x": ArraySpec((1,), "int16", 1e-3, "mV")}, {"label": TargetSpec("single_label", ("N",))})
    with pytest.raises(ContractError, match=r"m/1: its input 'x' has shape \(1,\); its recipe gives "):
        score_examples(Predictor(spec, lambda inputs: {"label": inputs["x"]}, "m/1"), arrays)


def test_opening_the_predictor_module_loads_no_backend() -> None:
    heavy = ("keras", "jax", "torch", "tensorflow", "onnx", "onnxruntime", "wfdb", "scipy")
    code = "import sys, kerasmed.inference.beats, kerasmed.inference.outputs, kerasmed.inference.summary;"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
