"""A network of windows in every format: whole records go in, and the answer is that of the trained model."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.export.format_names import Format
from kerasmed.export.parity import LIMIT
from kerasmed.export.publish import export_run_model
from tests.export.test_every_format import PRESENT
from tests.fakes.toy import SMALL_MODELS
from tests.fakes.twelve_leads import CROPS, NUM_SAMPLES, twelve_lead_config, twelve_lead_spec


def exported(formats: tuple[Format, ...], pool: str, root: Path, kind: str = "se_resnet1d") -> Path:
    from kerasmed.models.windows import build_network, whole_model

    spec, crops = twelve_lead_spec(), CROPS.model_copy(update={"pool": pool})
    config = twelve_lead_config(crops).model_copy(update={"model": SMALL_MODELS[kind]})
    network = build_network(config, spec)
    return export_run_model(whole_model(network, spec, crops), spec, formats, root, f"windows_{pool}", {})


def proven(folder: Path) -> set[str]:
    """The formats of a version, none of which answers otherwise than the trained model."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert max(facts["max_abs_difference"] for facts in manifest["written"].values()) <= LIMIT
    return set(manifest["formats"])


@pytest.fixture(scope="module")
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with an ONNX file; asked for by name, so that it is made under one backend."""
    request.getfixturevalue("backend")
    return exported(("onnx",), "max", tmp_path_factory.mktemp("saved"))


def test_an_onnx_file_answers_for_whole_records_as_the_trained_model_does(published: Path) -> None:
    assert "onnx" in proven(published)


def test_an_onnx_file_takes_any_number_of_whole_records(published: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(published / "model.onnx", providers=["CPUExecutionProvider"])
    assert {entry.name: entry.shape[1:] for entry in session.get_inputs()} == {
        "signal": [NUM_SAMPLES, 12], "age": [1],
    }  # fmt: skip
    for size in (1, 3):
        inputs = {"signal": np.ones((size, NUM_SAMPLES, 12), np.float32), "age": np.zeros((size, 1), np.float32)}
        assert session.run(["label"], inputs)[0].shape == (size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize("kind", ["se_resnet1d", "cnn_lstm"])
def test_every_format_answers_for_whole_records(kind, pool, one_backend, tmp_path) -> None:
    assert set(PRESENT) <= proven(exported(tuple(PRESENT), pool, tmp_path, kind))
