import shutil
from collections import Counter

import numpy as np
import pytest

from kerasmed.config.dataset import Ptbxl, RecordExamples
from kerasmed.data import ptbxl_protocol
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.ptbxl_labels import SUPERCLASSES, parse_codes, read_task
from kerasmed.data.sources.ptbxl import Row, build_ptbxl, check_release, read_table
from kerasmed.errors import DataError, LeakageError
from tests.fakes.ptbxl import NO_LABEL, row_of, write_ptbxl, write_tables

STRICT = BadRecordPolicy(skip=False)
KNOWN = frozenset({"NORM", "SR", "PRC(S)", "LAO/LAE"})


@pytest.fixture
def small(tmp_path):
    return write_ptbxl(tmp_path).parent


@pytest.fixture
def real(data_root):
    if not (data_root / "ptbxl").is_dir():
        pytest.skip("no PTB-XL records")
    return data_root


def test_statements_are_read_as_they_are_written():
    assert parse_codes("{'NORM': 80.0, 'SR': 0.0}", KNOWN) == {"NORM": 80, "SR": 0}
    assert parse_codes("{'PRC(S)': 100.0, 'LAO/LAE': 15.0}", KNOWN) == {"PRC(S)": 100, "LAO/LAE": 15}
    assert parse_codes("{}", KNOWN) == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "NORM", "{'NORM': 100.0", "{'NORM': __import__('os')}", "{'NORM': 100.0}; 1", "{'NORM': '100'}",
        "{'NORM': 100.0, 'NORM': 0.0}", "{'WHAT': 1.0}", "{'NORM': 101.0}", "{'NORM': -1.0}", "{,}",
        "{" + "'NORM': 1.0, " * 400 + "}",
    ],
)  # fmt: skip
def test_text_that_is_no_dict_of_known_statements_is_refused(text):
    with pytest.raises(ValueError, match="scp_codes"):
        parse_codes(text, KNOWN)


def test_every_task_has_the_classes_of_its_protocol(real):
    for name in ptbxl_protocol.TASKS:
        task, known = read_task(real / "ptbxl" / "scp_statements.csv", name)
        assert len(task.classes) == ptbxl_protocol.NUM_CLASSES[name], name
        assert len(known) == 71


def test_how_likely_a_statement_is_makes_no_difference(small):
    task, _ = read_task(small / "ptbxl" / "scp_statements.csv", "superdiagnostic")
    assert task.classes == SUPERCLASSES
    assert task.label({"IMI": 0.0, "ASMI": 100.0, "SR": 0.0}).tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("task", "classes"),
    [
        ("subdiagnostic", ("AMI", "IMI", "LAFB/LPFB", "LVH", "NORM", "STTC")),
        ("diagnostic", ("ASMI", "IMI", "LAFB", "LVH", "NDT", "NORM")),
        ("form", ("ABQRS", "NDT")),
        ("rhythm", ("AFIB", "SR")),
        ("all", ("ABQRS", "AFIB", "ASMI", "IMI", "LAFB", "LVH", "NDT", "NORM", "SR")),
    ],
)
def test_a_task_asks_for_its_own_statements(task, classes, small):
    assert build_ptbxl(Ptbxl(task=task), small).spec.target.classes == classes


def test_examples_labels_and_columns_are_those_of_the_tables(small):
    prepared = prepare(build_ptbxl(Ptbxl(), small), small / "cache", STRICT)
    assert prepared.arrays["signal"].shape == (40, 1000, 12)
    assert prepared.arrays["label"][:4].tolist() == [
        [0, 1, 0, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0]
    ]  # fmt: skip
    first = {name: column[0] for name, column in prepared.index.items()}
    told = {name: first[name] for name in ("record", "patient", "fold", "sex", "device", "site", "signal", "pacemaker")}
    assert told == {
        "record": "1", "patient": "1001", "fold": 2, "sex": "female", "device": "CS-12 E", "site": "0",
        "signal": "clean", "pacemaker": "no",
    }  # fmt: skip
    assert first["age"] == 21


def test_folds_train_choose_and_judge_as_the_protocol_says(small):
    dataset = build_ptbxl(Ptbxl(), small)
    prepared = prepare(dataset, small / "cache", STRICT)
    splits = dataset.split(prepared.index, 0)
    folds = prepared.index["fold"]
    assert set(folds[splits.train]) == set(range(1, 9))
    assert set(folds[splits.validation]) == {9}
    assert set(folds[splits.test]) == {10}
    assert check_splits(prepared.index, splits, dataset.protocol).shared_patients == 0


def test_a_patient_in_two_folds_is_refused(tmp_path):
    rows = [row_of(number) for number in range(1, 21)]
    rows[3]["patient_id"] = rows[8]["patient_id"]  # folds 5 and 10
    dataset = build_ptbxl(Ptbxl(), write_ptbxl(tmp_path, rows).parent)
    index = prepare(dataset, tmp_path / "cache", STRICT).index
    with pytest.raises(LeakageError, match="the same patient in train and test: 1009"):
        check_splits(index, dataset.split(index, 0), dataset.protocol)


def test_a_copy_of_a_record_under_another_name_is_refused(tmp_path):
    folder = write_ptbxl(tmp_path)
    rows = [row_of(number) for number in range(1, 41)]
    write_tables(folder, [*rows, {**rows[0], "ecg_id": "77", "patient_id": "9.0", "strat_fold": "10"}])
    dataset = build_ptbxl(Ptbxl(), tmp_path)
    index = prepare(dataset, tmp_path / "cache", STRICT).index
    with pytest.raises(LeakageError, match="the same signal in train and test: 1 = 77"):
        check_splits(index, dataset.split(index, 0), dataset.protocol)


def test_records_without_a_label_are_dropped_and_counted(tmp_path):
    rows = [row_of(number, **({"scp_codes": NO_LABEL} if number in (5, 6) else {})) for number in range(1, 31)]
    dataset = build_ptbxl(Ptbxl(), write_ptbxl(tmp_path, rows).parent)
    assert len(dataset.records) == 28
    assert "left out, since they have no label of superdiagnostic: 2 records" in dataset.notes


def test_both_rates_are_read_from_their_own_files(tmp_path):
    root = write_ptbxl(tmp_path, [row_of(number) for number in range(1, 11)], rates_hz=(100, 500)).parent
    high = Ptbxl(rate_hz=500, examples=RecordExamples(rate_hz=500))
    assert prepare(build_ptbxl(high, root), tmp_path / "c", STRICT).arrays["signal"].shape == (10, 5000, 12)
    down = prepare(build_ptbxl(Ptbxl(rate_hz=500), root), tmp_path / "c", STRICT)
    assert down.arrays["signal"].shape == (10, 1000, 12)
    assert build_ptbxl(high, root).spec.contract.rate_hz == 500


def test_missing_files_are_named_and_can_be_done_without(small):
    (small / "ptbxl" / "records100" / "00000" / "00007_lr.dat").unlink()
    with pytest.raises(
        DataError, match=r"1 records of ptbxl_database\.csv are missing at 100 Hz \(\.hea or \.dat\): 7"
    ):
        build_ptbxl(Ptbxl(), small)
    dataset = build_ptbxl(Ptbxl(allow_missing=True), small)
    assert len(dataset.records) == 39
    assert dataset.protocol.badges == ("part of PTB-XL: 39 of 21,799 records",)
    assert "missing records (100 Hz): 1 of 40" in dataset.notes


def test_a_folder_without_any_signal_is_refused_whatever_may_be_missing(small):
    shutil.rmtree(small / "ptbxl" / "records100")
    with pytest.raises(DataError, match="40 records of"):
        build_ptbxl(Ptbxl(allow_missing=True), small)


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"ecg_id": "x"}, "row 3: ecg_id 'x' is no whole number"),
        ({"patient_id": "12.5"}, "row 3: patient_id '12.5' is no whole number"),
        ({"patient_id": ""}, "row 3: patient_id '' is no whole number"),
        ({"strat_fold": "11"}, "row 3: strat_fold 11 is not within 1 to 10"),
        ({"sex": "2"}, "row 3: sex '2' is neither 0 nor 1"),
        ({"age": "-1"}, "row 3: age '-1' is not within 0 to 300"),
        ({"age": "old"}, "row 3: "),
        ({"scp_codes": "{'XYZ': 1.0}"}, "row 3: scp_codes name 'XYZ', which is not in scp_statements"),
        ({"filename_lr": "../../etc/passwd"}, r"row 3: filename_lr '\.\./\.\./etc/passwd' is no name of a record"),
        ({"ecg_id": "1"}, "ecg_id 1 is there twice"),
    ],
)
def test_a_fault_of_the_table_is_told_with_its_row(cells, fault, tmp_path):
    folder = write_ptbxl(tmp_path, [])
    write_tables(folder, [row_of(1), row_of(2, **cells)])
    with pytest.raises(DataError, match=fault):
        build_ptbxl(Ptbxl(), tmp_path)


def test_all_faults_of_the_table_are_in_one_message(tmp_path):
    folder = write_ptbxl(tmp_path, [])
    write_tables(folder, [row_of(number, sex="7") for number in range(1, 10)])
    with pytest.raises(DataError, match=r"row 2: .*; row 3: .* and 4 more\."):
        build_ptbxl(Ptbxl(), tmp_path)


def test_people_older_than_89_are_one_group(tmp_path):
    root = write_ptbxl(tmp_path, [row_of(1, age="300.0"), row_of(2, age="")]).parent
    ages = prepare(build_ptbxl(Ptbxl(), root), tmp_path / "cache", STRICT).index["age"]
    assert ages[0] == 90
    assert np.isnan(ages[1])


def released(change):
    """Rows with the counts of release 1.0.3, less what `change` takes from the first superclass of fold 1."""
    release = ptbxl_protocol.RELEASES[21_799]
    labels = np.zeros((sum(release.fold_records), 5), np.int8)
    for column, count in enumerate(release.positives):
        labels[:count, column] = 1
    labels[:change, 0] = 0
    folds = np.repeat([1, 9, 10], release.fold_records)
    return [Row(None, label, {"fold": fold}) for label, fold in zip(labels, folds, strict=True)]


def test_a_whole_release_must_have_the_counts_of_the_protocol(small):
    task, _ = read_task(small / "ptbxl" / "scp_statements.csv", "superdiagnostic")
    check_release(21_799, released(0), task)
    with pytest.raises(DataError, match=r"as release 1\.0\.3, but \(9513, 5469, 5235, 4898, 2649\) of NORM"):
        check_release(21_799, released(1), task)


def test_the_protocols_counts_are_those_of_the_real_rows_as_far_as_they_are_here(real):
    task, known = read_task(real / "ptbxl" / "scp_statements.csv", "superdiagnostic")
    rows = read_table(real / "ptbxl", 100, task, known)
    folds = Counter(int(row.columns["fold"]) for row in rows)
    # Counted from the table by hand: `cut` and `grep` of the column strat_fold.
    assert (len(rows), folds[9], folds[10]) == (300, 58, 42)
    patients = {}
    for row in rows:
        assert patients.setdefault(row.ref.patient, row.columns["fold"]) == row.columns["fold"]


def test_the_real_records_are_prepared_without_one_bad(real, tmp_path):
    dataset = build_ptbxl(Ptbxl(), real)
    prepared = prepare(dataset, tmp_path, STRICT)
    assert len(prepared) == 292
    assert prepared.arrays["label"].sum(axis=0).tolist() == [186, 43, 50, 44, 23]
    check_splits(prepared.index, dataset.split(prepared.index, 0), dataset.protocol)


def test_the_results_of_others_are_those_of_the_task():
    published = {work.work: work for work in ptbxl_protocol.protocol_of("superdiagnostic", ()).published}
    assert published["resnet1d_wang"].metrics == {"macro_auc": 0.930}
    assert published["resnet1d_wang"].deviations == {"macro_auc": 0.005}
    rhythm = {work.work: work.metrics["macro_auc"] for work in ptbxl_protocol.protocol_of("rhythm", ()).published}
    assert rhythm["xresnet1d101"] == 0.957
