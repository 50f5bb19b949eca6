import numpy as np
import pytest

from kerasmed.config.dataset import Cpsc2018, RecordExamples
from kerasmed.data.cpsc_labels import (
    ANY_COUNTS,
    CLASSES,
    FIRST_COUNTS,
    NUM_RECORDS,
    SNOMED,
    labels_of_header,
    read_reference,
)
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.readers.wfdb import read_header, read_record
from kerasmed.data.sources.cpsc2018 import build_cpsc2018, deal_folds
from kerasmed.errors import DataError
from tests.fakes.twelve_lead_folders import write_cpsc_folder, write_reference

CONFIG = Cpsc2018()


@pytest.mark.parametrize("form", ["wfdb", "mat"])
def test_either_form_gives_all_labels_the_first_and_a_fold(tmp_path, form):
    labels = write_cpsc_folder(tmp_path / "cpsc2018", 12, form)
    dataset = build_cpsc2018(CONFIG, tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    assert index["id"].tolist() == list(labels)
    for row, places in zip(index["label"], labels.values(), strict=True):
        assert {place + 1 for place in np.flatnonzero(row)} == set(places)
    assert index["first"].tolist() == [places[0] - 1 for places in labels.values()]
    assert set(index["fold"].tolist()) <= set(range(1, 11))


def test_both_forms_give_the_same_examples(tmp_path):
    signals = []
    for form in ("wfdb", "mat"):
        write_cpsc_folder(tmp_path / form, 2, form)
        dataset = build_cpsc2018(Cpsc2018(folder=form), tmp_path)
        signals.append(dataset.make_examples(dataset.records[1]).arrays["signal"].astype(int))
    assert signals[0].shape == (1, 1000, 12)
    assert np.abs(signals[0] - signals[1]).max() <= 1  # the steps of the converter are as coarse as ours


def test_the_length_of_a_record_does_not_reach_the_model(tmp_path):
    for duration_s in (10, 60):
        write_cpsc_folder(tmp_path / f"of{duration_s}", 1, duration_s=duration_s)
        dataset = build_cpsc2018(Cpsc2018(folder=f"of{duration_s}"), tmp_path)
        examples = dataset.make_examples(dataset.records[0])
        assert examples.arrays["signal"].shape == (1, 1000, 12)
        assert set(examples.arrays) == {"signal", "label"}


def test_folds_hold_their_share_of_every_class_and_pass_the_guard(tmp_path):
    labels = {f"A{number:04d}": (number % 9 + 1,) for number in range(1, 181)}
    write_cpsc_folder(tmp_path / "cpsc2018", 40)
    write_reference(tmp_path / "cpsc2018", labels)
    dataset = build_cpsc2018(CONFIG.model_copy(update={"allow_missing": True}), tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    check_splits(index, dataset.split(index, 0), dataset.protocol)
    assert "missing records (140 of 180), A0041 first" in dataset.notes


def test_missing_records_are_an_error_unless_allowed(tmp_path):
    write_cpsc_folder(tmp_path / "cpsc2018", 3)
    (tmp_path / "cpsc2018" / "A0002.hea").unlink()
    (tmp_path / "cpsc2018" / "A0002.mat").unlink()
    with pytest.raises(DataError, match=r"1 of 3 records of REFERENCE\.csv are missing, A0002 first"):
        build_cpsc2018(CONFIG, tmp_path)


def test_without_reference_headers_say_the_classes(tmp_path):
    labels = write_cpsc_folder(tmp_path / "cpsc2018", 12, reference=False)
    dataset = build_cpsc2018(CONFIG, tmp_path)
    examples = dataset.make_examples(dataset.records[2])
    assert {place + 1 for place in np.flatnonzero(examples.arrays["label"][0])} == set(labels["A0003"])
    assert "first" not in examples.index
    assert any("which of several labels is the first is not known" in note for note in dataset.notes)


def test_without_reference_the_mat_form_has_no_class(tmp_path):
    write_cpsc_folder(tmp_path / "cpsc2018", 2, "mat", reference=False)
    with pytest.raises(DataError, match=r"A0001\.mat: has no class, since there is no REFERENCE\.csv"):
        build_cpsc2018(CONFIG, tmp_path)


@pytest.mark.parametrize("said", ["AF,PVC", "164889003,164884008", "164884008, AF", "55827005,PVC,AF"])
def test_headers_hold_names_or_codes(said):
    assert set(labels_of_header([f"Dx: {said}"], "A0001")) == {1, 6}


def test_every_class_has_a_code():
    assert sorted(SNOMED.values()) == sorted(CLASSES)


@pytest.mark.parametrize(
    ("comments", "said"), [([], "has no '# Dx:' line"), (["Dx: 55827005"], "has none of the nine classes")]
)
def test_a_header_without_a_class_is_named(comments, said):
    with pytest.raises(DataError, match=said):
        labels_of_header(comments, "A0001")


def test_every_fault_of_the_reference_is_named(tmp_path):
    path = tmp_path / "REFERENCE.csv"
    path.write_text(
        "Recording,First_label,Second_label,Third_label\nA0001,1,,\nA0002,10,,\nB1,1,,\nA0001,2,,\nA0004,,,\n"
    )
    with pytest.raises(DataError) as caught:
        read_reference(path)
    for expected in ("line 3 is no", "line 4 is no", "line 5 names A0001 again", "line 6 is no"):
        assert expected in str(caught.value)
    path.write_text("record,label\nA0001,1\n")
    with pytest.raises(DataError, match="does not begin with Recording,First_label"):
        read_reference(path)


def test_a_record_in_two_places_is_refused(tmp_path):
    write_cpsc_folder(tmp_path / "cpsc2018" / "g1", 2, reference=False)
    write_cpsc_folder(tmp_path / "cpsc2018" / "g2", 1, reference=False)
    with pytest.raises(DataError, match="record A0001 is there twice"):
        build_cpsc2018(CONFIG, tmp_path)


def real_folder(data_root, name):
    folder = data_root / name
    if not (folder / "REFERENCE.csv").is_file():
        pytest.skip(f"{name} is not there")
    return folder


def test_protocols_counts_of_the_whole_reference(data_root):
    for name in ("cpsc2018", "cpsc2018_original"):
        said = read_reference(real_folder(data_root, name) / "REFERENCE.csv")
        assert len(said) == NUM_RECORDS == 6877
        first = np.bincount([places[0] for places in said.values()], minlength=9)
        every = np.bincount([place for places in said.values() for place in places], minlength=9)
        assert tuple(first) == FIRST_COUNTS
        assert tuple(every) == ANY_COUNTS == (918, 1221, 722, 236, 1857, 616, 700, 869, 220)
        assert every.sum() == 7359
        assert sum(len(places) > 1 for places in said.values()) == 476


def test_protocols_folds_of_cpsc2018_are_even(data_root):
    fold, marks = deal_folds(read_reference(real_folder(data_root, "cpsc2018") / "REFERENCE.csv"))
    for column in marks.T:
        np.testing.assert_allclose(np.bincount(fold, column, 11)[1:] / column.sum(), 0.1, atol=0.02)


def test_real_records_are_read_as_wfdb_reads_them(data_root):
    import wfdb

    folder = real_folder(data_root, "cpsc2018")
    said = read_reference(folder / "REFERENCE.csv")
    for path in sorted(folder.glob("*.hea")):
        expected = wfdb.rdrecord(str(path.with_suffix("")))
        record = read_record(path)
        np.testing.assert_array_equal(record.signal_mv, expected.p_signal.astype(np.float32))
        assert (record.rate_hz, list(record.leads)) == (expected.fs, expected.sig_name)
        assert set(labels_of_header(read_header(path).comments, path.stem)) == set(said[path.stem])


@pytest.mark.parametrize("name", ["cpsc2018", "cpsc2018_original"])
def test_real_records_of_either_form_are_prepared(data_root, tmp_path, name):
    real_folder(data_root, name)
    config = Cpsc2018(folder=name, allow_missing=True, examples=RecordExamples(duration_s=10, shorter="pad"))
    prepared = prepare(build_cpsc2018(config, data_root), tmp_path, BadRecordPolicy())
    assert prepared.arrays["signal"].shape == (5, 1000, 12)
    assert not prepared.quarantine
