import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from kerasmed.config.dataset import Folds, Ptbxl, WfdbFolder
from kerasmed.config.load import load_run
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.sources.ptbxl import build_ptbxl
from kerasmed.data.sources.wfdb_folder import build_wfdb_folder
from kerasmed.errors import DataError, LeakageError, UnknownNameError
from tests.fakes.ptbxl import write_ptbxl
from tests.fakes.twelve_lead_folders import write_wfdb_folder

ROWS = [(f"r{number}", f"p{number // 2}", "ab"[number % 2]) for number in range(8)]
DEALT = [(record, patient, 1 + number // 2) for number, (record, patient, _) in enumerate(ROWS)]
CHOICE = {"train": (1, 2), "validation": (3,), "test": (4,)}


def folds_of(path: Path, rows, heading=("record", "patient", "fold"), **settings) -> Folds:
    """The file, and the settings that name it with its digest."""
    path.write_text("\n".join(",".join(map(str, row)) for row in [heading, *rows]) + "\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Folds(**{"file": path.name, "sha256": digest, **CHOICE, **settings})


def built(tmp_path, rows=DEALT, **settings):
    write_wfdb_folder(tmp_path / "own", ROWS)
    folds = folds_of(tmp_path / "own" / "folds.csv", rows, **settings)
    return build_wfdb_folder(WfdbFolder(folder="own", folds=folds), tmp_path)


def test_records_go_where_the_file_deals_them(tmp_path):
    dataset = built(tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    splits = dataset.split(index, 7)
    named = [index["record"][rows].tolist() for rows in (splits.train, splits.validation, splits.test)]
    assert named == [["r0", "r1", "r2", "r3"], ["r4", "r5"], ["r6", "r7"]]
    check_splits(index, splits, dataset.protocol)
    assert "1, 2 train, 3 choose the epoch, 4 judge" in dataset.protocol.describe


def test_another_file_than_the_digest_says_is_refused(tmp_path):
    write_wfdb_folder(tmp_path / "own", ROWS)
    folds = folds_of(tmp_path / "own" / "folds.csv", DEALT)
    with (tmp_path / "own" / "folds.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match=r"folds\.csv: has the SHA-256 .* and dataset\.folds\.sha256 is .*another file"):
        build_wfdb_folder(WfdbFolder(folder="own", folds=folds), tmp_path)


def test_a_patient_in_two_folds_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"patient 'p0' is in folds 1, 4"):
        built(tmp_path, [("r0", "p0", 1), ("r1", "p0", 4), *DEALT[2:]])


def test_every_fault_of_the_rows_is_in_one_message(tmp_path):
    wrong = [("r0", "p0", 1), ("r0", "p0", 1), ("r2", "", 2), ("r3", "p1", "two")]
    with pytest.raises(DataError, match=r"line 3: record 'r0' is there twice; line 4: needs .*; line 5: needs"):
        built(tmp_path, wrong)


def test_a_patient_whom_only_the_table_of_labels_knows_stays_in_one_part(tmp_path):
    strangers = [(record, f"x{number}", 1 + number % 4) for number, (record, _, _) in enumerate(DEALT)]
    dataset = built(tmp_path, strangers)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    with pytest.raises(LeakageError, match="the same patient in"):
        check_splits(index, dataset.split(index, 0), dataset.protocol)


def test_records_that_the_file_does_not_name_are_left_out_and_counted(tmp_path):
    dataset = built(tmp_path, [*DEALT[:5], DEALT[6], ("elsewhere", "q", 1)])
    assert [record.record_id for record in dataset.records] == ["r0", "r1", "r2", "r3", "r4", "r6"]
    assert "records that folds.csv does not name, left out: 2" in dataset.notes
    assert "records of folds.csv that are not here: 1" in dataset.notes


def test_a_file_of_other_records_or_columns_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"names none of the records \('a' there, 'r0' here\)"):
        built(tmp_path, [("a", "p", 1)])
    with pytest.raises(UnknownNameError, match=r"no column of folds\.csv named 'patient'\. Did you mean 'patient_id'"):
        built(tmp_path, DEALT, heading=("record", "patient_id", "fold"))


def test_folds_in_the_columns_of_ecgbench_take_the_place_of_those_of_ptbxl(tmp_path):
    folder = write_ptbxl(tmp_path)
    rows = [(number, 1000 + number, f"records100/{number}", number % 4 + 1, "train") for number in range(1, 41)]
    heading = ("ecg_id", "patient_id", "filename_lr", "fold", "default_split")
    folds = folds_of(folder / "folds.csv", rows, heading, record="ecg_id", patient="patient_id")
    dataset = build_ptbxl(Ptbxl(folds=folds), tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    splits = dataset.split(index, 0)
    assert {int(record) % 4 + 1 for record in index["record"][splits.test].tolist()} == {4}
    assert dataset.protocol.published == ()


def test_folds_are_settings_of_a_run():
    words = ["dataset.folds.file=folds.csv", f"dataset.folds.sha256={'a' * 64}", "dataset.folds.record=ecg_id"]
    assert load_run("ptbxl_superdiagnostic", words).dataset.folds.test == (10,)
    with pytest.raises(ValidationError, match="not two of these"):
        Folds(file="folds.csv", sha256="a" * 64, test=(9,))
