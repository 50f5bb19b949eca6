"""A run that is calibrated: what it leaves, what uses it, and where it is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.calibration import THRESHOLDS
from kerasmed.config.run import Calibrator
from kerasmed.errors import ConfigError, ContractError, DataError
from kerasmed.evaluation.report import read_report
from kerasmed.evaluation.scaling import probabilities
from kerasmed.export.onnx_file import open_onnx
from kerasmed.inference.beats import predict_record
from kerasmed.inference.outputs import write_csv
from kerasmed.inference.predictor import open_predictor
from kerasmed.inference.summary import summarize, summary_text
from kerasmed.workflows.calibrate import calibrate_on, calibrate_run
from kerasmed.workflows.evaluate import evaluate_run
from kerasmed.workflows.export import export_run
from kerasmed.workflows.predict import open_model
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.run_folder import load_run_model, update_manifest
from tests.fakes.small_runs import CANARY, TrainedRun, small_config

SETTINGS = Calibrator(coverage=0.6)


@pytest.fixture
def run(trained: TrainedRun, tmp_path: Path) -> Path:
    """A copy of the run, not calibrated."""
    return Path(shutil.copytree(trained.folder, tmp_path / trained.folder.name))


@pytest.fixture(scope="module")
def calibrated(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run, calibrated; not to be changed."""
    folder = Path(shutil.copytree(trained.folder, tmp_path_factory.mktemp("calibrated") / trained.folder.name))
    calibrate_run(folder, SETTINGS, trained.places)
    return folder


def tree_of(folder: Path) -> dict:
    return json.loads((folder / THRESHOLDS).read_text())


def test_the_calibration_is_fitted_on_the_validation_rows(calibrated: Path) -> None:
    label = tree_of(calibrated)["targets"]["label"]
    split = json.loads((calibrated / "split.json").read_text())
    assert label["facts"]["fitted_on"]["examples"] == split["validation"]["examples"]
    assert (label["method"], label["coverage"]) == ("temperature", 0.6)
    assert label["facts"]["after"]["nll"] <= label["facts"]["before"]["nll"]


def test_it_tells_which_weights_it_is_of(calibrated: Path) -> None:
    manifest = json.loads((calibrated / "manifest.json").read_text())
    assert tree_of(calibrated)["weights_sha256"] == manifest["weights_sha256"]


def test_the_report_is_of_calibrated_scores_and_keeps_the_answers(calibrated: Path, trained: TrainedRun) -> None:
    report = read_report(calibrated / "report.json")
    claims = report.calibrated["claims"]["ece"]
    assert claims["before"]["value"] == pytest.approx(trained.report.metrics["ece"].value)
    assert claims["after"]["value"] == report.metrics["ece"].value != claims["before"]["value"]
    assert report.confusion == trained.report.confusion
    assert 0 <= report.calibrated["coverage_found"]["patients"]["value"] <= 1
    assert "Prediction sets of 60 % hold" in (calibrated / "report.html").read_text()


def test_evaluating_again_gives_the_calibrated_report_again(calibrated: Path, trained: TrainedRun, run: Path) -> None:
    shutil.copyfile(calibrated / THRESHOLDS, run / THRESHOLDS)
    evaluate_run(run, trained.places)
    assert (run / "report.json").read_bytes() == (calibrated / "report.json").read_bytes()


def test_calibrating_twice_gives_the_same(calibrated: Path, trained: TrainedRun, run: Path) -> None:
    calibrate_run(run, Calibrator(), trained.places)
    assert tree_of(run)["targets"]["label"]["coverage"] == 0.9
    calibrate_run(run, SETTINGS, trained.places)
    assert (run / THRESHOLDS).read_bytes() == (calibrated / THRESHOLDS).read_bytes()


def test_a_run_of_other_weights_is_refused_wherever_the_calibration_is_used(
    calibrated: Path, trained: TrainedRun, run: Path
) -> None:
    shutil.copyfile(calibrated / THRESHOLDS, run / THRESHOLDS)
    update_manifest(run, weights_sha256="0" * 64)
    for use in (lambda: evaluate_run(run, trained.places), lambda: open_model(run), lambda: export_run(run, (), run)):
        with pytest.raises(ContractError, match=r"was fitted on other weights; make it again: kerasmed calibrate"):
            use()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_calibration_is_refused(content: str, run: Path) -> None:
    (run / THRESHOLDS).write_text(content)
    with pytest.raises(ContractError, match=r"thresholds\.json: is"):
        open_model(run)


def test_a_run_without_weights_is_refused(run: Path, trained: TrainedRun) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["weights_sha256"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="keeps no weights yet; finish it first: kerasmed resume"):
        calibrate_run(run, SETTINGS, trained.places)


def test_other_data_are_refused_and_nothing_is_left(run: Path, trained: TrainedRun, tmp_path: Path) -> None:
    data = Path(shutil.copytree(trained.places.data, tmp_path / "data"))
    listing = data / "ecg" / "RECORDS"
    listing.write_text(listing.read_text().replace("S008\n", ""))
    with pytest.raises(DataError, match="was trained on other examples than these files give"):
        calibrate_run(run, SETTINGS, replace(trained.places, data=data))
    assert not (run / THRESHOLDS).exists()


def split_so_that_validation_is(rows_of: str, trained: TrainedRun) -> Material:
    """The data of the run with other validation rows: those of "test", or none."""
    material = gather_material(trained.config.dataset, trained.config.seed, trained.places)
    rows = material.splits.test if rows_of == "test" else material.splits.test[:0]
    return replace(material, splits=replace(material.splits, validation=rows))


def test_without_validation_rows_it_says_where_to_find_some(run: Path, trained: TrainedRun) -> None:
    material = split_so_that_validation_is("nothing", trained)
    with pytest.raises(ConfigError, match=r"set no records aside.*dataset\.validation_records=\[112,205,207,223\]"):
        calibrate_on(run, material, SETTINGS)
    assert not (run / THRESHOLDS).exists()


def test_rows_that_calibrate_and_judge_get_a_badge(run: Path, trained: TrainedRun) -> None:
    done = calibrate_on(run, split_so_that_validation_is("test", trained), SETTINGS)
    (badge,) = done.report.protocol.badges
    assert badge.startswith("calibrated on the records that judge")
    assert badge in (run / "report.html").read_text()


def test_a_run_that_judges_on_others_has_no_badge(calibrated: Path) -> None:
    assert read_report(calibrated / "report.json").protocol.badges == ()


def test_a_prediction_before_and_after_differs_in_scores_and_not_in_labels(
    calibrated: Path, trained: TrainedRun, tmp_path: Path
) -> None:
    record = trained.places.data / "ecg" / "S002.hea"
    before, after = (predict_record(open_model(folder), record) for folder in (trained.folder, calibrated))
    np.testing.assert_array_equal(before.labels, after.labels)
    temperature = tree_of(calibrated)["targets"]["label"]["facts"]["temperature"]
    expected = probabilities(np.log(before.scores.astype(np.float64)) / temperature, after.calibration.target)
    np.testing.assert_allclose(after.scores, expected, atol=1e-5)
    assert before.set_names is None
    write_csv(before, tmp_path / "before.csv")
    write_csv(after, tmp_path / "after.csv")
    heads = [(tmp_path / f"{name}.csv").read_text().partition("\n")[0] for name in ("before", "after")]
    assert heads[1] == f"{heads[0]},set"


def test_a_prediction_tells_of_its_sets(calibrated: Path, trained: TrainedRun) -> None:
    prediction = predict_record(open_model(calibrated), trained.places.data / "ecg" / "S002.hea")
    told = summarize(prediction)["calibration"]
    assert sum(told["sets"].values()) == len(prediction.labels)
    assert told["promised_for_new_patients"] is False
    assert "Prediction sets of 60 % (without a promise for new patients): one class for" in summary_text(prediction)


@pytest.fixture(scope="module")
def saved(calibrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder of the calibrated run."""
    return export_run(calibrated, ("saved_model", "onnx"), tmp_path_factory.mktemp("saved"))


def test_every_format_gives_the_calibrated_scores(saved: Path, calibrated: Path, trained: TrainedRun) -> None:
    record = trained.places.data / "ecg" / "S002.hea"
    of_run, *others = (predict_record(open_model(path), record) for path in (calibrated, saved, saved / "model.onnx"))
    for other in others:
        np.testing.assert_allclose(other.scores, of_run.scores, atol=1e-5)
        assert other.calibration == of_run.calibration
        assert other.set_names == of_run.set_names


def test_the_graphs_hold_the_scaling_and_not_only_our_code(saved: Path, calibrated: Path, trained: TrainedRun) -> None:
    """Each file against the network's own logits, scaled by hand."""
    import tensorflow as tf

    from kerasmed.export.keras_file import open_keras
    from kerasmed.export.parity import answers_of, full_precision, probe_inputs

    model, _, spec = load_run_model(calibrated)
    inputs = probe_inputs(spec)
    with full_precision():
        logits = np.asarray(model.predict_on_batch(inputs)["label"])
    scale = np.asarray(tree_of(calibrated)["targets"]["label"]["scale"])
    expected, plain = (probabilities(each, spec.target) for each in (logits * scale, logits))
    assert np.abs(expected - plain).max() > 1e-3
    serve = tf.saved_model.load(str(saved)).signatures["serving_default"]
    answers = {
        "saved_model": np.asarray(serve(**{name: tf.constant(values) for name, values in inputs.items()})["label"]),
        "onnx": open_onnx(saved / "model.onnx").answers(inputs)["label"],
        "keras": answers_of(open_keras(saved / "model.keras"), inputs)["label"],
    }
    for name, found in answers.items():
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


def test_the_saved_model_carries_the_thresholds_by_hash(saved: Path, calibrated: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    assert tree_of(saved) == tree_of(calibrated)
    assert THRESHOLDS in manifest["files"]
    assert manifest["calibration"] == {"label": "temperature"}
    assert max(manifest["parity"]["max_abs_difference"].values()) <= 1e-4
    assert CANARY not in (saved / THRESHOLDS).read_text()


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_changed_calibration_of_a_saved_model_is_refused(change: str, saved: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved, tmp_path / "1"))
    if change == "edited":
        (copy / THRESHOLDS).write_text((copy / THRESHOLDS).read_text().replace('"coverage": 0.6', '"coverage": 0.9'))
    else:
        (copy / THRESHOLDS).unlink()
    with pytest.raises(ContractError, match=r"thresholds\.json: is missing or not what the manifest of the model says"):
        open_predictor(copy)


def test_a_run_cut_into_folds_is_refused(run: Path, trained: TrainedRun) -> None:
    (run / "folds").mkdir()
    with pytest.raises(ConfigError, match="was cross-validated"):
        calibrate_run(run, SETTINGS, trained.places)


def test_resuming_and_reproducing_do_not_mind_the_section(
    trained: TrainedRun, tmp_path: Path, calibrated: Path
) -> None:
    from kerasmed.workflows.resume import resume
    from kerasmed.workflows.run_difference import compare_runs

    changed = small_config(tmp_path, f"backend={trained.config.backend}", "calibration.coverage=0.8")
    assert resume(calibrated, changed, trained.places) is None
    remarks = compare_runs(trained.folder, calibrated).remarks
    assert any("was calibrated after its training" in remark for remark in remarks)
