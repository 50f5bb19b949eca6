"""The serving files of a run: a recording goes in, the answer of `kerasmed predict` comes out, keras stays away."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_record
from kerasmed.export.raw.describe import fault_names
from kerasmed.export.raw.proof import RAW_LIMIT
from kerasmed.inference.beats import BeatPrediction, predict_record
from kerasmed.workflows.predict import open_model
from tests.fakes.small_runs import TrainedRun

RECORD = "S002"
# A program without kerasmed: it reads format 212 and the spec that travels in the file.
CLIENT = """
import json, sys
import numpy as np, onnxruntime

def refused(name):
    try:
        __import__(name)
    except ModuleNotFoundError:
        return True

assert all(map(refused, ("keras", "kerasmed", "tensorflow", "jax", "torch", "scipy", "wfdb")))
model, header, peaks, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
told = json.loads(session.get_modelmeta().custom_metadata_map["kerasmed_serving"])
first, *lines = [line.split() for line in open(header) if line.strip() and not line.startswith("#")]
leads = [line[-1] for line in lines[: int(first[1])]]
triples = np.frombuffer(open(header[:-4] + ".dat", "rb").read(), np.uint8).astype(np.int32).reshape(-1, 3)
steps = np.stack([triples[:, 0] | (triples[:, 1] & 15) << 8, triples[:, 2] | (triples[:, 1] >> 4) << 8], axis=1)
steps = np.where(steps > 2047, steps - 4096, steps).reshape(-1, len(leads))
columns = [leads.index(lead) for lead in told["inputs"]["signal_mv"]["leads"]]
gain_and_zero = [(float(lines[c][2].split("(")[0].split("/")[0]), int(lines[c][4])) for c in columns]
signal_mv = np.stack([(steps[:, c] - zero) / gain for c, (gain, zero) in zip(columns, gain_and_zero)], axis=1)
rate = np.array(float(first[2]), np.float32)
inputs = {"signal_mv": signal_mv.astype(np.float32), "peaks": np.load(peaks), "rate_hz": rate}
scores, labels, faults = session.run(["scores", "labels", "faults"], inputs)
np.savez(out, scores=scores, labels=labels, faults=faults)
print(told["classes"])
"""
TENSORFLOW_ONLY = """
import json, sys
for name in ("keras", "kerasmed", "jax", "torch"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
stored = np.load(sys.argv[2])
loaded = tf.saved_model.load(sys.argv[1])
inputs = {name: tf.constant(stored[name]) for name in ("signal_mv", "peaks", "rate_hz")}
found = loaded.signatures["serving"](**inputs)
np.savez(sys.argv[3], **{name: np.asarray(values) for name, values in found.items()})
"""


def ask_in_clean_environment(python: Path, model: Path, header: Path, peaks: np.ndarray, folder: Path) -> dict:
    np.save(folder / "peaks.npy", peaks)
    (folder / "client.py").write_text(CLIENT)
    command = [python, "-I", folder / "client.py", model, header, folder / "peaks.npy", folder / "out.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return dict(np.load(folder / "out.npz"))


def all_peaks(header: Path) -> np.ndarray:
    from kerasmed.data.labels import BEAT_SYMBOLS
    from kerasmed.data.readers.wfdb import read_annotations

    marks = read_annotations(header.with_suffix(".atr"))
    return np.unique(marks.samples[np.isin(marks.symbols, BEAT_SYMBOLS)])


def same_as_predicted(found: dict, predicted: BeatPrediction, num_beats: int) -> None:
    expected = np.full(num_beats, -1)
    expected[predicted.numbers] = predicted.labels
    np.testing.assert_array_equal(found["labels"], expected)
    np.testing.assert_allclose(found["scores"][predicted.numbers], predicted.scores, atol=RAW_LIMIT)
    assert np.isnan(np.delete(found["scores"], predicted.numbers, axis=0)).all()


@pytest.fixture(scope="module")
def sample(trained: TrainedRun) -> dict[str, np.ndarray]:
    """Inputs of the serving graph from a record."""
    header = trained.places.data / "ecg" / f"{RECORD}.hea"
    record = read_record(header, ("MLII",))
    return {
        "signal_mv": record.signal_mv, "peaks": all_peaks(header), "rate_hz": np.array(record.rate_hz, np.float32),
    }  # fmt: skip


@pytest.fixture(scope="module")
def session(exported: Path):
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(exported / "model.serving.onnx", providers=["CPUExecutionProvider"])


def test_onnxruntime_and_numpy_alone_answer_as_predict_does(exported, trained, clean_python, tmp_path) -> None:
    header = trained.places.data / "ecg" / f"{RECORD}.hea"
    found = ask_in_clean_environment(clean_python, exported / "model.serving.onnx", header, all_peaks(header), tmp_path)
    assert not found["faults"].any()
    same_as_predicted(found, predict_record(open_model(exported), header), len(all_peaks(header)))


def test_so_they_do_on_a_real_record(exported, mitdb: Path, clean_python, tmp_path) -> None:
    header = mitdb / "119.hea"
    found = ask_in_clean_environment(clean_python, exported / "model.serving.onnx", header, all_peaks(header), tmp_path)
    same_as_predicted(found, predict_record(open_model(exported), header), len(all_peaks(header)))


def test_the_saved_model_answers_alike_where_only_tensorflow_is(exported, trained, sample, tmp_path) -> None:
    np.savez(tmp_path / "stored.npz", **sample)
    command = [sys.executable, "-c", TENSORFLOW_ONLY, exported, tmp_path / "stored.npz", tmp_path / "out.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    predicted = predict_record(open_model(exported), trained.places.data / "ecg" / f"{RECORD}.hea")
    same_as_predicted(dict(np.load(tmp_path / "out.npz")), predicted, len(sample["peaks"]))


def test_the_files_tell_what_they_take_and_answer(exported, session, trained) -> None:
    told = json.loads(session.get_modelmeta().custom_metadata_map["kerasmed_serving"])
    assert told == json.loads((exported / "assets.extra" / "serving.json").read_text())
    assert {value.name for value in session.get_inputs()} == set(told["inputs"])
    assert {value.name for value in session.get_outputs()} == set(told["outputs"])
    assert (
        told["inputs"]["signal_mv"] | {"unit": "mV", "leads": ["MLII"], "rate_hz": 360.0}
        == (told["inputs"]["signal_mv"])
    )
    assert told["classes"] == list(open_model(exported).spec.target.classes)
    assert any("R peaks" in reason for reason in told["not_held"])
    manifest = json.loads((exported / "manifest.json").read_text())
    assert set(manifest["serving"]["max_abs_difference"]) == {"saved_model", "onnx"}
    assert {"model.serving.onnx", "assets.extra/serving.json"} <= set(manifest["files"])


WRONG = {
    "amplitude": lambda given: {"signal_mv": given["signal_mv"] * 1000},
    "flat": lambda given: {"signal_mv": given["signal_mv"] * 0},
    "clipped": lambda given: {"signal_mv": np.clip(given["signal_mv"], -0.05, 0.05)},
    "missing": lambda given: {"signal_mv": np.where(np.arange(len(given["signal_mv"]))[:, None] % 9, 0.1, np.nan)},
    "short": lambda given: {"signal_mv": given["signal_mv"][:500], "peaks": given["peaks"][given["peaks"] < 500]},
    "frequency": lambda given: {"signal_mv": np.random.default_rng(0).normal(0, 1, given["signal_mv"].shape)},
    "rate": lambda given: {"rate_hz": np.array(250.0)},
    "peaks": lambda given: {"peaks": given["peaks"][::-1].copy()},
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_input_has_its_name_and_no_answer(session, sample, fault) -> None:
    types = {"signal_mv": np.float32, "peaks": np.int64, "rate_hz": np.float32}
    given = {**sample, **WRONG[fault](sample)}
    given = {name: np.asarray(values, types[name]) for name, values in given.items()}
    scores, labels, faults = session.run(["scores", "labels", "faults"], given)
    told = json.loads(session.get_modelmeta().custom_metadata_map["kerasmed_serving"])["faults"]
    assert fault in [name for name, faulty in zip(told, faults, strict=True) if faulty]
    assert np.isnan(scores).all()
    assert (labels == -1).all()


def test_every_fault_is_met_or_needs_several_leads(exported) -> None:
    assert set(fault_names(open_model(exported).spec)) == {*WRONG, "leads"}


def test_no_beat_gives_no_answer(session, sample) -> None:
    scores, labels = session.run(["scores", "labels"], {**sample, "peaks": sample["peaks"][:0]})
    assert scores.shape == (0, 5)
    assert labels.shape == (0,)
