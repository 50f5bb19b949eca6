import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.calibration import Calibration
from kerasmed.config.dataset import Ptbxl, RecordExamples
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.record_examples import record_spec
from kerasmed.data.sources.ptbxl import build_ptbxl
from kerasmed.errors import ContractError, DataError
from kerasmed.inference.predictor import Predictor
from kerasmed.inference.routes import Wishes, route_of
from kerasmed.inference.whole_records import predict_records
from kerasmed.spec import TargetSpec
from tests.fakes.predictors import early_beat_predictor
from tests.fakes.ptbxl import LEADS, heart_mv, row_of, write_ptbxl
from tests.fakes.wfdb_files import write_record

SETTINGS = RecordExamples()
SEVERAL, SINGLE = (TargetSpec(task, ("NORM", "MI", "HYP")) for task in ("multi_label", "single_label"))
TALL_MV = 1.5


def predictor_of(target=SEVERAL, settings=SETTINGS, seen=None) -> Predictor:
    """HYP where a record reaches 1.5 mV, else NORM; MI at 0.4 in any case. Remembers what it was shown."""

    def scores(inputs):
        if seen is not None:
            seen.append(inputs["signal"])
        tall = inputs["signal"].max(axis=(1, 2)) > TALL_MV
        chances = np.where(tall[:, None], [0.1, 0.4, 0.8], [0.7, 0.4, 0.2])
        total = chances.sum(axis=1, keepdims=True) if target.task == "single_label" else 1.0
        return {"label": (chances / total).astype(np.float32)}

    return Predictor(record_spec(settings, target, 100.0), scores, "rules/1")


def write(folder, name, height_mv=1.0, duration_s=10.0, rate_hz=100, leads=LEADS):
    signal_mv = heart_mv(duration_s, rate_hz, 3, height_mv)
    return write_record(folder, name, signal_mv, rate_hz, leads, adc_gain=1000)


def spoken(predictor, path, out):
    route = route_of(predictor)
    (prediction,) = route.predict(predictor, path, Wishes()).found
    (table,) = route.write(prediction, out)
    with Path(table).open(newline="") as file:
        return route.summarize(prediction), route.text(prediction), list(csv.DictReader(file))


def test_a_record_gets_the_score_of_every_class_and_its_labels(tmp_path):
    tree, text, (row,) = spoken(predictor_of(), write(tmp_path, "tall", 2.0), tmp_path)
    (record,) = tree["records"]
    assert (record["record"], record["labels"]) == ("tall", ["HYP"])
    assert record["scores"] == {"NORM": 0.1, "MI": 0.4, "HYP": 0.8}
    assert text.startswith("tall, 10 s: HYP. Model rules/1.\n\n* HYP   0.800\n  MI    0.400\n  NORM  0.100\n")
    assert (row["record"], row["label"], row["score_MI"]) == ("tall", "HYP", "0.40000")


def test_one_class_of_several_is_the_highest(tmp_path):
    prediction = predict_records(predictor_of(SINGLE), write(tmp_path, "r"))
    assert prediction.labels == [["NORM"]]
    assert prediction.scores.sum() == pytest.approx(1)


def test_the_model_is_shown_what_training_shows_it(tmp_path):
    root = write_ptbxl(tmp_path, [row_of(number) for number in range(1, 6)]).parent
    stored = prepare(build_ptbxl(Ptbxl(), root), tmp_path / "c", BadRecordPolicy(skip=False)).arrays["signal"]
    seen = []
    predict_records(predictor_of(seen=seen), root / "ptbxl" / "records100" / "00000")
    np.testing.assert_array_equal(np.concatenate(seen), stored.astype(np.float32) * np.float32(1e-3))


def test_every_record_of_a_folder_is_judged_and_the_bad_ones_are_told(tmp_path):
    write(tmp_path, "a")
    write(tmp_path, "b", 2.0)
    write_record(tmp_path, "c", np.zeros((1000, 12)), 100, LEADS)
    write(tmp_path, "d", leads=tuple(f"X{number}" for number in range(12)))
    tree, text, rows = spoken(predictor_of(), tmp_path, tmp_path)
    assert [row["label"] for row in rows] == ["NORM", "HYP"]
    assert "(flat)" in tree["failed"]["c"]
    assert "d: the model reads lead I, II" in tree["failed"]["d"]
    assert "a  NORM 0.700\nb  HYP 0.800\n\n  NORM: 1\n  MI: 0\n  HYP: 1" in text


def test_a_folder_of_nothing_but_bad_records_is_refused(tmp_path):
    write_record(tmp_path, "c", np.zeros((1000, 12)), 100, LEADS)
    with pytest.raises(DataError, match=r"1 records: none can be judged\. c: .*\(flat\)"):
        predict_records(predictor_of(), tmp_path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [("x.npy", "is neither a WFDB record"), ("empty", "holds no WFDB record"), ("none.hea", "none.hea")],
)
def test_a_path_that_is_no_record_is_refused(name, fault, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=fault):
        predict_records(predictor_of(), tmp_path / name)


def test_another_rate_and_length_are_told(tmp_path):
    (notes,) = predict_records(predictor_of(), write(tmp_path, "long", duration_s=15, rate_hz=500)).notes
    assert "resampled from 500 to 100 Hz" in notes
    assert "the middle 10 s of 15 s were judged" in notes


def test_a_shorter_record_is_refused_or_padded_as_the_model_says(tmp_path):
    header = write(tmp_path, "short", duration_s=8)
    with pytest.raises(DataError, match=r"lasts 8 s; 10 s or more are needed \(short\)"):
        predict_records(predictor_of(), header)
    (notes,) = predict_records(predictor_of(settings=RecordExamples(shorter="pad")), header).notes
    assert "lasts 8 s and stands between zeros in 10 s" in notes


def test_another_lead_stands_in_where_it_is_asked_for(tmp_path):
    one = predictor_of(settings=RecordExamples(leads=("MLII",)))
    header = write(tmp_path, "r")
    with pytest.raises(ContractError, match="the model reads lead MLII; the record has I, II"):
        predict_records(one, header)
    (notes,) = predict_records(one, header, ("II",)).notes
    assert "lead II stands in for MLII, on which the model was trained" in notes


def test_thresholds_decide_and_sets_say_what_cannot_be_ruled_out(tmp_path):
    calibration = Calibration(
        target=SEVERAL, method="platt", scale=(1, 1, 1), offset=(0, 0, 0), thresholds=(0.75, 0.35, 0.5),
        quantiles=(0.5, 0.5, 0.5), decide="thresholds", coverage=0.9,
    )  # fmt: skip
    calibrated = replace(predictor_of(), calibrations={"label": calibration})
    tree, text, (row,) = spoken(calibrated, write(tmp_path, "r"), tmp_path)
    assert tree["records"][0]["labels"] == ["MI"]
    assert tree["calibration"]["thresholds"] == {"NORM": 0.75, "MI": 0.35, "HYP": 0.5}
    assert row["set"] == "NORM"
    assert "  NORM  0.700  (called from 0.750)" in text
    assert "Cannot be ruled out at 90 %: NORM" in text


def test_a_model_of_beats_reads_no_whole_records(tmp_path):
    with pytest.raises(ContractError, match="reads no whole records"):
        predict_records(early_beat_predictor(), tmp_path)
