"""From the files of a record to a class for each beat."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.readers.wfdb import read_annotations
from kerasmed.data.records import RecordRef
from kerasmed.data.sources.wfdb_beats import read_beats
from kerasmed.errors import ContractError, DataError
from kerasmed.inference.beats import predict_path, predict_record
from kerasmed.inference.predictor import Predictor, score_examples
from tests.fakes.beats import write_beats
from tests.fakes.predictors import early_beat_predictor, window_predictor


@pytest.fixture
def predictor() -> Predictor:
    return early_beat_predictor()


def test_annotated_peaks_are_the_beats(predictor: Predictor, tmp_path: Path) -> None:
    peaks = write_beats(tmp_path, "a", "NNNNNNNN")
    np.testing.assert_array_equal(predict_record(predictor, tmp_path / "a.hea").samples, peaks)


def test_annotated_classes_do_not_change_the_answer(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "NNNNNNNN")
    write_beats(tmp_path, "b", "VVAF/NQe")
    first, second = (predict_record(predictor, tmp_path / f"{name}.hea") for name in "ab")
    np.testing.assert_array_equal(first.scores, second.scores)


def test_annotations_that_are_no_beats_are_passed_over(predictor: Predictor, tmp_path: Path) -> None:
    peaks = write_beats(tmp_path, "a", "N+N~NNNN!N")
    np.testing.assert_array_equal(predict_record(predictor, tmp_path / "a.hea").samples, peaks[[0, 2, 4, 5, 6, 7, 9]])


def test_without_annotations_peaks_are_detected_and_it_says_so(predictor: Predictor, tmp_path: Path) -> None:
    peaks = write_beats(tmp_path, "a", "N" * 12)
    (tmp_path / "a.atr").unlink()
    prediction = predict_record(predictor, tmp_path / "a.hea")
    assert np.abs(prediction.samples - peaks).max() <= 2
    assert "R peaks: detector" in prediction.notes


def test_an_annotation_file_without_beats_falls_back_to_the_detector(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "+" * 12)
    assert "R peaks: detector, since a.atr marks no beat" in predict_record(predictor, tmp_path / "a.hea").notes


def test_detection_can_be_asked_for(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 12)
    assert "R peaks: detector" in predict_record(predictor, tmp_path / "a.hea", annotator=None).notes


def test_resampling_is_said(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    assert "resampled from 360 to 128 Hz" in predict_record(predictor, tmp_path / "a.hea").notes


def test_no_resampling_is_not_said(tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    notes = predict_record(early_beat_predictor(rate_hz=360.0), tmp_path / "a.hea").notes
    assert not any("resampled" in note for note in notes)


def test_a_missing_lead_is_refused_with_those_present_and_the_way_to_insist(
    predictor: Predictor, tmp_path: Path
) -> None:
    write_beats(tmp_path, "a", "N" * 8, leads=("V5", "V2"))
    with pytest.raises(ContractError, match=r"a: the model reads lead MLII; the record has V5, V2\. .* --lead V5"):
        predict_record(predictor, tmp_path / "a.hea")


def test_another_lead_can_be_insisted_on_and_it_says_so(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8, leads=("V5", "V2"))
    prediction = predict_record(predictor, tmp_path / "a.hea", leads=("V2",))
    assert {prediction.classes[label] for label in prediction.labels} == {"V"}  # the second lead is upside down
    assert "lead V2 stands in for MLII, on which the model was trained" in prediction.notes


def test_leads_are_found_by_name_wherever_they_stand(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8, leads=("V5", "MLII"))
    assert set(predict_record(predictor, tmp_path / "a.hea").labels.tolist()) == {2}


def test_a_number_of_leads_that_the_model_does_not_read_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    with pytest.raises(ContractError, match=r"the model reads 1 lead\(s\), MLII; give as many"):
        predict_record(predictor, tmp_path / "a.hea", leads=("MLII", "V1"))


def test_beats_at_an_end_are_counted_as_not_judged(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    steps = np.fromfile(tmp_path / "a.dat", "<i2").reshape(-1, 2)[:2520]  # the last beat is at 2500
    steps.tofile(tmp_path / "a.dat")
    sums = [int(column.sum(dtype=np.int64)) % 65536 for column in steps.T]
    lines = [f"a 2 360 {len(steps)}"]
    lines += [
        f"a.dat 16 200/mV 11 0 {steps[0, place]} {sums[place]} 0 {lead}" for place, lead in enumerate(("MLII", "V1"))
    ]
    (tmp_path / "a.hea").write_text("\n".join(lines) + "\n")
    prediction = predict_record(predictor, tmp_path / "a.hea")
    assert prediction.numbers.tolist() == list(range(7))
    assert "beats at an end or a gap of the record, not judged: 1" in prediction.notes


def test_a_model_that_is_none_of_beats_is_refused(tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    with pytest.raises(ContractError, match=r"cannot read one; give it a \.npy file"):
        predict_record(window_predictor(), tmp_path / "a.hea")


def test_a_recipe_of_another_time_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    newer = replace(predictor.spec, recipe={**predictor.spec.recipe, "wavelets": 3})
    with pytest.raises(ContractError, match="does not know how its beats are cut"):
        predict_record(replace(predictor, spec=newer), tmp_path / "a.hea")


def test_scores_that_are_not_finite_are_no_answer(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    broken = replace(predictor, scores=lambda inputs: {"label": np.full((len(inputs["rr"]), 5), np.nan)})
    with pytest.raises(ContractError, match="not finite"):
        predict_record(broken, tmp_path / "a.hea")


def test_in_a_folder_a_bad_record_is_listed_and_the_others_are_judged(predictor: Predictor, tmp_path: Path) -> None:
    for name in "abc":
        write_beats(tmp_path, name, "N" * 8)
    (tmp_path / "b.dat").write_bytes(b"\0" * 10)
    predictions = predict_path(predictor, tmp_path)
    assert [prediction.name for prediction in predictions.found] == ["a", "c"]
    assert list(predictions.failed) == ["b"]


def test_a_folder_without_records_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no WFDB record"):
        predict_path(predictor, tmp_path)


def test_a_file_of_another_kind_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a WFDB record"):
        predict_path(predictor, tmp_path / "a.pdf")


def test_a_data_file_stands_for_its_record(predictor: Predictor, tmp_path: Path) -> None:
    write_beats(tmp_path, "a", "N" * 8)
    assert predict_path(predictor, tmp_path / "a.dat").found[0].name == "a"


def test_prediction_sees_what_training_saw_of_a_real_record(mitdb: Path) -> None:
    predictor = early_beat_predictor()
    settings = BeatExamples(rate_hz=128.0, remove_baseline=False, scaling="none", template="none", shape=False)
    trained = read_beats(RecordRef("119", "119", (mitdb / "119.hea", mitdb / "119.atr")), settings)
    prediction = predict_record(predictor, mitdb / "119.hea")
    np.testing.assert_array_equal(prediction.samples, trained.index["sample"])
    np.testing.assert_array_equal(prediction.scores, score_examples(predictor, trained.arrays)["label"])


def test_every_beat_of_a_real_record_is_accounted_for(mitdb: Path) -> None:
    prediction = predict_record(early_beat_predictor(), mitdb / "101.hea")
    marks = read_annotations(mitdb / "101.atr")
    num_beats = int(np.isin(marks.symbols, ["N", "A", "Q"]).sum())
    dropped = [int(note.split()[-1]) for note in prediction.notes if "not judged" in note]
    assert len(prediction.labels) + sum(dropped) == num_beats
