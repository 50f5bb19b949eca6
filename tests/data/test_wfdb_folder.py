import numpy as np
import pytest

from kerasmed.config.dataset import RecordExamples, WfdbFolder
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.sources.wfdb_folder import build_wfdb_folder
from kerasmed.errors import DataError, LeakageError
from tests.fakes.twelve_lead_folders import write_wfdb_folder

ROWS = [(f"r{number}", f"p{number // 2}", "af" if number % 2 else "normal") for number in range(8)]
CONFIG = WfdbFolder(folder="own")


def prepared_of(tmp_path, rows=ROWS, config=CONFIG):
    write_wfdb_folder(tmp_path / "own", rows)
    dataset = build_wfdb_folder(config, tmp_path)
    return dataset, prepare(dataset, tmp_path / "cache", BadRecordPolicy())


def test_records_have_the_class_and_patient_of_the_table(tmp_path):
    dataset, prepared = prepared_of(tmp_path)
    assert prepared.arrays["signal"].shape == (8, 1000, 12)
    assert dataset.spec.target.classes == ("af", "normal")
    assert prepared.index["id"].tolist() == [row[0] for row in ROWS]
    assert prepared.index["patient"].tolist() == [row[1] for row in ROWS]
    assert prepared.index["label"].tolist() == [1, 0] * 4


def test_patients_stay_together(tmp_path):
    dataset, prepared = prepared_of(tmp_path)
    facts = check_splits(prepared.index, dataset.split(prepared.index, 0), dataset.protocol)
    assert facts.shared_patients == 0


def test_other_labels_are_another_prepared_set(tmp_path):
    _, first = prepared_of(tmp_path)
    _, other = prepared_of(tmp_path, [(*row[:2], "af" if row[2] == "normal" else "normal") for row in ROWS])
    assert first.fingerprint != other.fingerprint


def test_a_class_for_each_column_is_several_labels(tmp_path):
    table = write_wfdb_folder(tmp_path / "own", ROWS)
    lines = [
        "record,patient,af,block",
        *(f"{row[0]},{row[1]},{number % 2},{number // 4}" for number, row in enumerate(ROWS)),
    ]
    table.write_text("\n".join(lines))
    dataset = build_wfdb_folder(CONFIG.model_copy(update={"label_column": None, "task": "multi_label"}), tmp_path)
    assert dataset.make_examples(dataset.records[5]).arrays["label"].tolist() == [[1, 1]]
    assert dataset.spec.target.task == "multi_label"


def test_faults_of_the_table_come_before_any_record_is_read(tmp_path):
    write_wfdb_folder(tmp_path / "own", ROWS)
    (tmp_path / "own" / "r3.hea").unlink()
    with pytest.raises(DataError, match=r"labels\.csv: line 5: there is no record 'r3'"):
        build_wfdb_folder(CONFIG, tmp_path)


def test_what_the_table_does_not_name_is_noted(tmp_path):
    table = write_wfdb_folder(tmp_path / "own", ROWS)
    table.write_text("\n".join(table.read_text().splitlines()[:-2]) + "\n")
    config = CONFIG.model_copy(update={"patient_column": None})
    notes = build_wfdb_folder(config, tmp_path).notes
    assert "records of the folder that labels.csv does not name, left out: 2" in notes
    assert "patients are not known: each record counts as a patient of its own" in notes


def test_a_record_without_a_lead_is_put_aside_with_its_reason(tmp_path):
    write_wfdb_folder(tmp_path / "own", ROWS)
    header = tmp_path / "own" / "r2.hea"
    header.write_text(header.read_text().replace(" V6", " V9"))
    prepared = prepare(build_wfdb_folder(CONFIG, tmp_path), tmp_path / "cache", BadRecordPolicy(max_rate=0.2))
    assert [item.record for item in prepared.quarantine] == ["r2"]
    assert "has no lead 'V6'" in prepared.quarantine[0].reason


def test_a_copy_of_a_record_under_another_name_and_patient_is_refused(tmp_path):
    write_wfdb_folder(tmp_path / "own", [*ROWS, ("copy", "someone", "af")])
    for suffix in ("hea", "dat"):
        content = (tmp_path / "own" / f"r1.{suffix}").read_bytes()
        (tmp_path / "own" / f"copy.{suffix}").write_bytes(
            content.replace(b"r1", b"copy") if suffix == "hea" else content
        )
    dataset = build_wfdb_folder(CONFIG, tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    for seed in range(50):
        splits = dataset.split(index, seed)
        parts = [{str(name) for name in index["id"][part]} for part in (splits.train, splits.validation, splits.test)]
        apart = not any({"r1", "copy"} <= part for part in parts)
        if apart:
            with pytest.raises(LeakageError, match=r"the same signal in .*r1"):
                check_splits(index, splits, dataset.protocol)
            return
    pytest.fail("no seed divides the two")


def test_leads_are_taken_by_name_in_either_spelling(tmp_path):
    write_wfdb_folder(tmp_path / "own", ROWS)
    whole = build_wfdb_folder(CONFIG, tmp_path)
    two = build_wfdb_folder(CONFIG.model_copy(update={"examples": RecordExamples(leads=("AVF", "v2"))}), tmp_path)
    signal = whole.make_examples(whole.records[0]).arrays["signal"]
    np.testing.assert_array_equal(two.make_examples(two.records[0]).arrays["signal"], signal[:, :, [5, 7]])


def test_cpsc2018_beside_a_later_challenge_is_refused(tmp_path):
    rows = [("cpsc2018/A0001", "a", "af"), ("challenge/g1/A0001", "b", "af"), ("challenge/g1/Q0001", "c", "normal")]
    write_wfdb_folder(tmp_path / "own", rows)
    with pytest.raises(LeakageError, match=r"cpsc2018/A0001 = challenge/g1/A0001\. The Challenges of 2020 and 2021"):
        build_wfdb_folder(CONFIG, tmp_path)


def test_other_records_may_have_one_name_in_two_folders(tmp_path):
    write_wfdb_folder(tmp_path / "own", [("one/100", "a", "af"), ("two/100", "b", "normal"), ("A0001", "c", "af")])
    assert len(build_wfdb_folder(CONFIG, tmp_path).records) == 3


def test_an_injected_shared_patient_is_refused(tmp_path):
    dataset, prepared = prepared_of(tmp_path)
    splits = dataset.split(prepared.index, 0)
    patient = prepared.index["patient"].copy()
    patient[splits.test[0]] = patient[splits.train[0]]
    with pytest.raises(LeakageError, match="the same patient in train and test"):
        check_splits({**prepared.index, "patient": patient}, splits, dataset.protocol)
