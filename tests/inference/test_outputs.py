"""The files of a prediction, read back."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_annotations
from kerasmed.errors import ContractError
from kerasmed.inference.beats import BeatPrediction, predict_record
from kerasmed.inference.outputs import write_annotations, write_csv
from tests.fakes.beats import write_beats
from tests.fakes.predictors import early_beat_predictor


@pytest.fixture
def prediction(tmp_path: Path) -> BeatPrediction:
    write_beats(tmp_path, "a", "N" * 6, leads=("V1", "MLII"))
    return predict_record(early_beat_predictor(), tmp_path / "a.hea")


@pytest.fixture
def without_times() -> BeatPrediction:
    return BeatPrediction("a.npy", "m/1", ("N", "V"), np.eye(2, dtype=np.float32), np.arange(2))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_line_for_each_beat(prediction: BeatPrediction, tmp_path: Path) -> None:
    write_csv(prediction, tmp_path / "a.csv")
    assert [int(row["sample"]) for row in rows_of(tmp_path / "a.csv")] == prediction.samples.tolist()


def test_a_line_has_time_class_and_every_score(prediction: BeatPrediction, tmp_path: Path) -> None:
    write_csv(prediction, tmp_path / "a.csv")
    assert rows_of(tmp_path / "a.csv")[0] == {
        "time_s": "1.1111", "sample": "400", "beat": "0", "label": "V",
        "score_N": "0.02000", "score_S": "0.02000", "score_V": "0.92000", "score_F": "0.02000", "score_Q": "0.02000",
    }  # fmt: skip


def test_beats_without_times_leave_the_columns_empty(without_times: BeatPrediction, tmp_path: Path) -> None:
    write_csv(without_times, tmp_path / "a.csv")
    assert [(row["time_s"], row["beat"], row["label"]) for row in rows_of(tmp_path / "a.csv")] == [
        ("", "0", "N"),
        ("", "1", "V"),
    ]


def test_annotations_are_read_back_at_the_same_samples(prediction: BeatPrediction, tmp_path: Path) -> None:
    marks = read_annotations(write_annotations(prediction, tmp_path))
    np.testing.assert_array_equal(marks.samples, prediction.samples)
    assert set(marks.symbols.tolist()) == {"V"}


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, by wfdb 4.3
def test_the_wfdb_package_reads_them_alike_across_long_pauses(prediction: BeatPrediction, tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    samples = np.array([0, 1023, 2047, 100_000, 100_000_000, 100_000_001])
    scores = np.eye(5, dtype=np.float32)[[0, 1, 2, 3, 4, 0]]
    path = write_annotations(replace(prediction, samples=samples, scores=scores), tmp_path)
    marks = wfdb.rdann(str(path.with_suffix("")), "pred")
    assert (marks.sample.tolist(), "".join(marks.symbol)) == (samples.tolist(), "NSVFQN")


def test_annotations_stand_beside_those_of_the_record(prediction: BeatPrediction, tmp_path: Path) -> None:
    before = (tmp_path / "a.atr").read_bytes()
    assert write_annotations(prediction, tmp_path).name == "a.pred"
    assert (tmp_path / "a.atr").read_bytes() == before


def test_beats_without_times_cannot_be_annotations(without_times: BeatPrediction, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="have no times"):
        write_annotations(without_times, tmp_path)


def test_classes_that_are_no_annotation_codes_are_refused(prediction: BeatPrediction, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no annotation codes"):
        write_annotations(replace(prediction, classes=("sinus", "S", "V", "F", "Q")), tmp_path)
