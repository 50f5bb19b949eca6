"""A network of windows in every format: whole records go in, and the answer is that of the trained model."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.export.format_names import Format
from kerasmed.export.parity import LIMIT
from kerasmed.export.publish import export_run_model
from tests.export.test_every_format import PRESENT
from tests.fakes.twelve_leads import CROPS, NUM_SAMPLES, twelve_lead_config, twelve_lead_spec

ONE, ALL = ("onnx",), tuple(name for name in PRESENT if name != "onnx")


def exported(formats: tuple[Format, ...], pool: str, root: Path) -> Path:
    from kerasmed.models.windows import build_network, whole_model

    spec, crops = twelve_lead_spec(), CROPS.model_copy(update={"pool": pool})
    network = build_network(twelve_lead_config(crops), spec)
    return export_run_model(whole_model(network, spec, crops), spec, formats, root, f"windows_{pool}", {})


@pytest.mark.parametrize(
    ("formats", "pool"),
    [
        pytest.param(ONE, "max", id="onnx-max"),
        pytest.param(ONE, "mean", id="onnx-mean", marks=pytest.mark.slow),
        pytest.param(ALL, "max", id="others-max", marks=pytest.mark.slow),
        pytest.param(ALL, "mean", id="others-mean", marks=pytest.mark.slow),
    ],
)
def test_every_format_answers_for_whole_records_of_any_number(formats, pool, one_backend, tmp_path) -> None:
    folder = exported(formats, pool, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(formats) <= set(manifest["formats"])
    assert max(facts["max_abs_difference"] for facts in manifest["written"].values()) <= LIMIT


def test_an_onnx_file_takes_any_number_of_whole_records(one_backend, tmp_path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(
        exported(ONE, "max", tmp_path) / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert {entry.name: entry.shape[1:] for entry in session.get_inputs()} == {
        "signal": [NUM_SAMPLES, 12], "age": [1],
    }  # fmt: skip
    for size in (1, 3):
        inputs = {"signal": np.ones((size, NUM_SAMPLES, 12), np.float32), "age": np.zeros((size, 1), np.float32)}
        assert session.run(["label"], inputs)[0].shape == (size, 3)
