import json
import shutil

import pytest

from tests.fakes.small_runs import TrainedRun


@pytest.fixture
def calibrate(kerasmed, trained: TrainedRun, tmp_path, monkeypatch):
    """Calibrates a copy of the small run."""
    shutil.copytree(trained.folder, tmp_path / "runs" / trained.folder.name)
    monkeypatch.setenv("KERASMED_CACHE", str(trained.places.cache))
    return lambda *words: kerasmed("calibrate", *words, "--runs-dir", tmp_path / "runs")


def test_what_changed_comes_out_as_json(calibrate, trained, tmp_path):
    words = ("calibration.coverage=0.5", "calibration.rule=sensitivity", "calibration.floor=0.8")
    ended = calibrate("latest", *words, "--data-dir", trained.places.data, "--json")
    assert (ended.code, ended.err) == (0, "")
    part = ended.tree["calibrated"]
    assert (part["coverage"], part["rule"]) == (0.5, {"name": "sensitivity", "floor": 0.8})
    assert set(part["claims"]) == {"ece", "brier", "nll"}
    written = tmp_path / "runs" / trained.folder.name / "thresholds.json"
    assert ended.tree["thresholds"] == str(written)
    assert json.loads(written.read_text())["targets"]["label"]["coverage"] == 0.5


def test_in_words_it_tells_the_error_before_and_after(calibrate, trained):
    ended = calibrate("latest", "--data-dir", trained.places.data)
    assert ended.code == 0
    assert "Calibrated by temperature" in ended.out
    assert "before," in ended.out
    assert "thresholds.json" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("seed=1",), "error: seed=1: only settings that begin with calibration. can be changed here."),
        (("calibration.rule=ppv",), "need a floor"),
        (("calibration.floor=0.5",), "need a floor"),
        (("calibration.coverage=90",), "calibration.coverage"),
        (("calibration.methd=platt",), "Did you mean 'method'?"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_exit_code_2(words, said, calibrate):
    ended = calibrate("latest", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
