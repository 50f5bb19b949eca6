import csv

import numpy as np
import pytest

from kerasmed.config.dataset import MimicIvEcg
from kerasmed.data.leakage import check_splits
from kerasmed.data.mimic_labels import CLASSES
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.sources.mimic_iv_ecg import PATH, RECORD_LIST, REPORTS, build_mimic_iv_ecg, fold_of, read_record_list
from kerasmed.errors import DataError, LeakageError
from tests.fakes.twelve_lead_folders import LEADS, MIMIC_LEADS, twelve_leads_mv, write_icd, write_mimic_folder
from tests.fakes.wfdb_files import write_record

CONFIG = MimicIvEcg()
SINUS, AF = ["Sinus rhythm", "Normal ECG"], ["Atrial fibrillation"]


def studies_of(num_patients=2, each=2):
    """Patients in a row, `each` studies of every one."""
    return [
        (10_000_000 + patient, 40_000_000 + 10 * patient + study, SINUS if patient % 2 else AF)
        for patient in range(num_patients)
        for study in range(each)
    ]


def folder_of(root):
    return root / "mimic_iv_ecg"


def test_leads_are_taken_by_name_though_files_hold_avf_before_avl(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(1, 1))
    assert read_record(next(folder_of(tmp_path).rglob("*.hea"))).leads == MIMIC_LEADS
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    signal = dataset.make_examples(dataset.records[0]).arrays["signal"][0] * 1e-3
    assert [lead.upper() for lead in LEADS] == list(dataset.spec.inputs["signal"].channels)
    first, second = signal[:, 0], signal[:, 1]
    np.testing.assert_allclose(signal[:, 4], first - second / 2, atol=0.02)
    np.testing.assert_allclose(signal[:, 5], second - first / 2, atol=0.02)


def test_labels_are_those_of_the_statements(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of())
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    assert [[CLASSES[place] for place in np.flatnonzero(row)] for row in index["label"]] == [
        ["atrial_fibrillation"],
        ["atrial_fibrillation"],
        ["normal", "sinus_rhythm"],
        ["normal", "sinus_rhythm"],
    ]
    assert index["patient"].tolist() == ["p10000000"] * 2 + ["p10000001"] * 2
    assert index["rr_ms"].tolist() == [800.0] * 4


def test_a_sentinel_is_a_missing_measurement(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(1, 1), rr_ms="29999")
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    assert np.isnan(dataset.make_examples(dataset.records[0]).index["rr_ms"]).all()


def test_records_without_a_label_are_left_out_and_counted(tmp_path):
    studies = [*studies_of(1, 1), (10_000_009, 40_000_099, ["Borderline ECG"]), (10_000_008, 40_000_088, [])]
    write_mimic_folder(folder_of(tmp_path), studies)
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    assert [record.record_id for record in dataset.records] == ["40000000"]
    assert "left out: 1 records, no statement that a rule knows" in dataset.notes
    assert "left out: 1 records, the machine did not read it" in dataset.notes


def test_twenty_folds_keep_patients_together(tmp_path):
    validation, test = (next(n for n in range(10_000_000, 10_001_000) if fold_of(n) == fold) for fold in (18, 19))
    subjects = [validation, test, *(n for n in range(10_000_000, 10_000_012) if fold_of(n) < 18)]
    studies = [(subject, subject + 30_000_000 + 100 * study, SINUS) for study in range(2) for subject in subjects[:5]]
    write_mimic_folder(folder_of(tmp_path), studies)
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    splits = dataset.split(index, 0)
    assert set(index["patient"][splits.validation]) == {f"p{validation}"}
    assert set(index["patient"][splits.test]) == {f"p{test}"}
    check_splits(index, splits, dataset.protocol)


def test_a_shared_patient_is_refused(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(3, 2))
    write_icd(
        folder_of(tmp_path),
        [
            (subject, study, ["I10", "I4891"], [0, 18, 0, 18, 0, 19][row])
            for row, (subject, study, _) in enumerate(studies_of(3, 2))
        ],
    )
    dataset = build_mimic_iv_ecg(CONFIG.model_copy(update={"labels": "icd", "icd_least_records": 1}), tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    with pytest.raises(LeakageError, match="the same patient in train and validation: p10000000"):
        check_splits(index, dataset.split(index, 0), dataset.protocol)


def test_folds_of_many_patients_are_even():
    counts = np.bincount([fold_of(number) for number in range(10_000_000, 10_020_000)], minlength=20)
    assert len(counts) == 20
    assert counts.min() > 900
    assert counts.max() < 1100


def test_diagnoses_give_codes_with_ancestors_that_are_frequent_and_folds(tmp_path):
    studies = studies_of(3, 1)
    write_mimic_folder(folder_of(tmp_path), studies)
    codes = [["I2510", "I10"], ["I251", "E785"], []]
    write_icd(
        folder_of(tmp_path),
        [(*study[:2], code, fold) for study, code, fold in zip(studies, codes, (3, 19, 18), strict=True)],
    )
    dataset = build_mimic_iv_ecg(CONFIG.model_copy(update={"labels": "icd", "icd_least_records": 2}), tmp_path)
    assert dataset.spec.target.classes == ("I25", "I251")
    assert [dataset.make_examples(record).index["fold"].tolist() for record in dataset.records] == [[3], [19]]
    assert "left out: 1 records, no code in all_diag_all" in dataset.notes


def test_missing_samples_are_bridged_and_too_many_put_the_record_aside(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(2, 1))
    for header, num_missing in zip(sorted(folder_of(tmp_path).rglob("*.hea")), (100, 1000), strict=True):
        signal_mv = twelve_leads_mv(10, 500, 5, MIMIC_LEADS)
        signal_mv[2000 : 2000 + num_missing] = np.nan
        write_record(header.parent, header.stem, signal_mv, 500, MIMIC_LEADS)
    dataset = build_mimic_iv_ecg(CONFIG, tmp_path)
    prepared = prepare(dataset, tmp_path / "cache", BadRecordPolicy(max_rate=0.5))
    assert prepared.index["id"].tolist() == ["40000000"]
    assert [item.record for item in prepared.quarantine] == ["40000010"]
    assert "misses 20.0% of its samples" in prepared.quarantine[0].reason


def test_only_some_patients_may_be_asked_for(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(24, 1))
    config = CONFIG.model_copy(update={"max_patients": 20})
    dataset = build_mimic_iv_ecg(config, tmp_path)
    assert len({record.patient for record in dataset.records}) == 20
    assert "only 20 patients, drawn by their numbers" in dataset.notes


def test_missing_records_are_an_error_unless_allowed(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(2, 1))
    next(folder_of(tmp_path).rglob("40000010.hea")).unlink()
    with pytest.raises(DataError, match=r"1 of 2 records of record_list\.csv are missing"):
        build_mimic_iv_ecg(CONFIG, tmp_path)
    dataset = build_mimic_iv_ecg(CONFIG.model_copy(update={"allow_missing": True}), tmp_path)
    assert "missing records: 1" in dataset.notes


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "record_list.csv",
            lambda text: text.replace("files/p1000/", "../p1000/", 1),
            r"line 2: path .* is not that of",
        ),
        ("record_list.csv", lambda text: text + text.splitlines()[-1], "line 4: study 40000010 is there twice"),
        ("record_list.csv", lambda text: text.splitlines()[0], "names no record"),
        ("record_list.csv", lambda text: text.replace("path", "where", 1), "has no column path"),
        ("machine_measurements.csv", lambda text: text.replace("report_7", "seven", 1), "has no column report_7"),
        ("machine_measurements.csv", lambda text: text + "1,2\n", "has 2 cells"),
        ("machine_measurements.csv", lambda text: text.replace(",40000000,", ",x,"), "line 2 has no number of a study"),
    ],
)
def test_a_faulty_table_is_named_with_its_line(tmp_path, name, change, said):
    write_mimic_folder(folder_of(tmp_path), studies_of(2, 1))
    path = folder_of(tmp_path) / name
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=said):
        build_mimic_iv_ecg(CONFIG, tmp_path)


def test_a_missing_table_says_how_to_get_it(tmp_path):
    write_mimic_folder(folder_of(tmp_path), studies_of(1, 1))
    with pytest.raises(DataError, match=r"is missing\. It is credentialed"):
        build_mimic_iv_ecg(CONFIG.model_copy(update={"labels": "icd"}), tmp_path)


def test_protocols_columns_of_the_real_tables(data_root):
    folder = data_root / "mimic_iv_ecg"
    if not (folder / RECORD_LIST).is_file():
        pytest.skip("mimic_iv_ecg is not there")
    listed = dict(read_record_list(folder / RECORD_LIST))
    assert all(PATH.fullmatch(path) for _, path in listed.values())
    with (folder / "machine_measurements.csv").open() as file:
        heading = next(csv.reader(file))
    assert [name for name in heading if name.startswith("report_")] == list(REPORTS)
    assert len(REPORTS) == 18
