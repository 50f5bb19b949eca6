"""The serving graph of whole records: from a recording to the answer of `kerasmed predict`, keras stays away."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kerasmed.calibration import Calibration
from kerasmed.config.dataset import RecordExamples
from kerasmed.data.record_examples import record_contract, record_example, record_spec
from kerasmed.evaluation.judged import answers
from kerasmed.export.raw.describe import describe, fault_names, refusal
from kerasmed.export.raw.probe import probe_record
from kerasmed.export.raw.proof import RAW_LIMIT
from kerasmed.inference.reading import read_leads
from kerasmed.inference.whole_records import RecordsPrediction, predict_records
from kerasmed.spec import TargetSpec
from kerasmed.workflows.predict import open_model

SEVERAL = TargetSpec("multi_label", ("MI", "STTC", "CD"))
# A program without kerasmed.
CLIENT = """
import json, sys
import numpy as np, onnxruntime

model, given, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
told = json.loads(session.get_modelmeta().custom_metadata_map["kerasmed_serving"])
stored, found = np.load(given), {}
for name in stored.files:
    rate = np.array(told["inputs"]["signal_mv"]["rate_hz"], np.float32)
    answers = session.run(list(told["outputs"]), {"signal_mv": stored[name], "rate_hz": rate})
    found |= {f"{name}/{output}": values for output, values in zip(told["outputs"], answers)}
np.savez(out, **found)
assert "kerasmed" not in sys.modules and "keras" not in sys.modules
"""


@pytest.fixture(scope="module")
def tf(backend: str):
    if backend != "tensorflow":
        pytest.skip("serving graphs are made on TensorFlow; the rest of this file goes through the child process")
    import tensorflow

    return tensorflow


@pytest.mark.parametrize("from_hz", [100.0, 257.0, 360.0, 500.0])
@pytest.mark.parametrize("to_hz", [100.0, 250.0])
@pytest.mark.parametrize("shorter", ["refuse", "pad"])
def test_the_input_of_the_model_is_that_of_training(tf, to_hz, shorter, from_hz):
    from kerasmed.export.raw.records import record_input

    settings = RecordExamples(rate_hz=to_hz, shorter=shorter, leads=("I", "II", "V1"))
    record = probe_record(record_contract(settings), from_hz, settings)
    expected = record_example(record, settings)["signal"].astype(np.float32) * np.float32(1e-3)
    found = record_input(tf.constant(record.signal_mv), from_hz, settings).numpy()
    off = np.abs(found - expected)
    assert off.max() <= 1.001e-3
    assert np.mean(off > 2e-6) < 1e-3  # values midway between two steps


def test_the_probe_is_cut_or_padded_and_has_a_gap_where_it_is_read():
    lengths = {}
    for shorter in ("refuse", "pad"):
        settings = RecordExamples(shorter=shorter)
        signal_mv = probe_record(record_contract(settings), 100.0, settings).signal_mv
        lengths[shorter] = len(signal_mv) / 100
        assert np.isnan(signal_mv[len(signal_mv) // 2 - 400 : len(signal_mv) // 2 + 400]).any()
    assert lengths["pad"] < 10 < lengths["refuse"]


def test_several_labels_and_their_sets_are_those_of_the_calibration(tf):
    from kerasmed.export.raw.graph import serving_function

    calibration = Calibration(
        target=SEVERAL, method="platt", scale=(1, 1, 1), offset=(0, 0, 0), thresholds=(0.5, 0.2, 0.9),
        quantiles=(0.7, 0.3, 0.5), decide="thresholds", coverage=0.9,
    )  # fmt: skip
    settings = RecordExamples(leads=("I", "II"))
    spec = record_spec(settings, SEVERAL, 100.0)
    record = probe_record(spec.contract, 100.0, settings)
    for scores in np.random.default_rng(0).random((5, 1, 3)).astype(np.float32):
        serving = serving_function(
            lambda inputs, training, scores=scores: {"label": tf.constant(scores)},
            spec, {"label": calibration}, 100.0,
        )  # fmt: skip
        found = serving(tf.constant(record.signal_mv), tf.constant(100.0))
        np.testing.assert_array_equal(found["labels"], answers(scores, SEVERAL, calibration.deciding))
        np.testing.assert_array_equal(found["sets"], calibration.sets(scores))


def test_a_description_tells_the_shapes_of_several_labels_and_no_peaks():
    spec = record_spec(RecordExamples(), SEVERAL, 100.0)
    assert refusal(spec, 100.0) == ""
    assert "--rate-hz" in refusal(spec, None)
    told = describe(spec, {}, 100.0)
    assert set(told["inputs"]) == {"signal_mv", "rate_hz"}
    assert told["outputs"]["labels"]["shape"] == [1, 3]
    single = describe(record_spec(RecordExamples(), TargetSpec("single_label", ("a", "b")), 100.0), {}, 100.0)
    assert single["outputs"]["labels"]["shape"] == [1]


def ask(python: Path, exported: Path, signals: dict[str, np.ndarray], folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Answers of the serving graph to signals by name, in a process that has onnxruntime and numpy alone."""
    np.savez(folder / "given.npz", **signals)
    (folder / "client.py").write_text(CLIENT)
    command = [python, "-I", folder / "client.py", exported / "model.serving.onnx", folder / "given.npz"]
    ended = subprocess.run([*command, folder / "out.npz"], capture_output=True, text=True, check=False, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in signals}
    for key, values in np.load(folder / "out.npz").items():
        name, _, output = key.rpartition("/")
        found[name][output] = values
    return found


def same_as_predicted(found: dict[str, dict[str, np.ndarray]], predicted: RecordsPrediction) -> None:
    classes = predicted.target.classes
    assert set(found) == {*predicted.names, *predicted.failed}
    for row, name in enumerate(predicted.names):
        given = found[name]
        assert not given["faults"].any()
        np.testing.assert_allclose(given["scores"][0], predicted.scores[row], atol=RAW_LIMIT)
        assert [classes[place] for place in np.flatnonzero(given["labels"][0])] == predicted.labels[row]
        assert [classes[place] for place in np.flatnonzero(given["sets"][0, :, 1])] == predicted.set_names[row]
    for name in predicted.failed:
        assert found[name]["faults"].any()
        assert np.isnan(found[name]["scores"]).all()
        assert (found[name]["labels"] == -1).all()


def read_all(folder: Path, exported: Path) -> dict[str, np.ndarray]:
    leads = open_model(exported).spec.contract.leads
    return {header.stem: read_leads(header, leads, 500.0)[0].signal_mv for header in sorted(folder.glob("*.hea"))}


def test_onnxruntime_and_numpy_alone_answer_as_predict_does(exported_records, trained_records, clean_python, tmp_path):
    folder = trained_records.places.data / "own"
    predicted = predict_records(open_model(exported_records), folder)
    found = ask(clean_python, exported_records, read_all(folder, exported_records), tmp_path)
    same_as_predicted(found, predicted)
    assert len({tuple(labels) for labels in predicted.labels}) > 0


@pytest.mark.parametrize("database", ["ptbxl/records500/00000", "cpsc2018"])
def test_so_they_do_on_real_records(exported_records, data_root, clean_python, tmp_path, database):
    folder = data_root / database
    if not folder.is_dir():
        pytest.skip(f"no real records: {folder} is missing")
    real = tmp_path / "real"
    real.mkdir()
    for header in sorted(folder.glob("*.hea"))[:20]:
        for path in header.parent.glob(f"{header.stem}.*"):
            shutil.copyfile(path, real / path.name)
    predicted = predict_records(open_model(exported_records), real)
    same_as_predicted(ask(clean_python, exported_records, read_all(real, exported_records), tmp_path), predicted)


WRONG = {
    "amplitude": lambda mv: mv * 1000,
    "flat": lambda mv: mv * 0,
    "clipped": lambda mv: np.clip(mv, -0.05, 0.05),
    "missing": lambda mv: np.where(np.arange(len(mv))[:, None] % 9, mv, np.nan),
    "short": lambda mv: mv[:3000],
    "frequency": lambda mv: np.random.default_rng(0).normal(0, 1, mv.shape),
    "leads": lambda mv: mv[:, [1, 0, *range(2, 12)]],
}


def test_a_wrong_recording_has_its_name_and_no_answer(exported_records, trained_records, clean_python, tmp_path):
    signal_mv = read_all(trained_records.places.data / "own", exported_records)["r00"]
    empty = {"of no sample": signal_mv[:0], "of one sample": signal_mv[:1], "all missing": signal_mv * np.nan}
    given = {name: change(signal_mv) for name, change in WRONG.items()} | empty
    given = {name: values.astype(np.float32) for name, values in given.items()}
    told = json.loads((exported_records / "assets.extra" / "serving.json").read_text())["faults"]
    assert set(told) == {"rate", *WRONG} == set(fault_names(open_model(exported_records).spec))
    for name, answer in ask(clean_python, exported_records, given, tmp_path).items():
        faults = [fault for fault, there in zip(told, answer["faults"], strict=True) if there]
        assert faults if name in empty else name in faults
        assert np.isnan(answer["scores"]).all(), name
        assert (answer["labels"] == -1).all()
        assert answer["sets"].all()


def test_another_rate_than_that_of_the_export_is_refused(exported_records, trained_records):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = exported_records / "model.serving.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    signal_mv = read_all(trained_records.places.data / "own", exported_records)["r00"]
    for rate_hz in (250, np.nan):
        faults, scores = session.run(
            ["faults", "scores"], {"signal_mv": signal_mv, "rate_hz": np.array(rate_hz, np.float32)}
        )
        assert faults.tolist() == [True, *[False] * 7]
        assert np.isnan(scores).all()


def test_the_manifest_holds_the_proof(exported_records):
    serving = json.loads((exported_records / "manifest.json").read_text())["serving"]
    assert set(serving["max_abs_difference"]) == {"saved_model", "onnx"}
    assert serving["not_held"] == ["choosing leads by their name", "converting units: give millivolts"]
