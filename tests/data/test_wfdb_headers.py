import numpy as np
import pytest

from kerasmed.config.dataset import WfdbHeaders
from kerasmed.config.load import load_preset
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.sources.wfdb_headers import build_wfdb_headers
from kerasmed.errors import DataError
from tests.fakes.twelve_lead_folders import write_headed_folder

ROWS = [(f"a/r{number}", f"p{number // 2}", ("NSR", "AF,RBBB", "")[number % 3]) for number in range(9)]


def built(tmp_path, rows=ROWS, label_line="Dx", **settings):
    write_headed_folder(tmp_path / "challenge", rows, label_line)
    return build_wfdb_headers(WfdbHeaders(label_line=label_line, **settings), tmp_path)


def test_header_comments_say_labels_and_patients(tmp_path):
    dataset = built(tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    assert dataset.spec.target.classes == ("AF", "NSR", "RBBB")
    assert index["id"].tolist() == [row[0] for row in ROWS]
    assert index["patient"].tolist() == [row[1] for row in ROWS]
    np.testing.assert_array_equal(index["label"][:3], [[0, 1, 0], [1, 0, 1], [0, 0, 0]])
    check_splits(index, dataset.split(index, 0), dataset.protocol)


def test_of_several_labels_only_the_classes_that_are_named_count(tmp_path):
    dataset = built(tmp_path, classes=("RBBB", "AF"))
    assert dataset.make_examples(dataset.records[1]).arrays["label"].tolist() == [[1, 1]]
    assert dataset.make_examples(dataset.records[0]).arrays["label"].tolist() == [[0, 0]]


def test_one_label_of_a_line_of_its_own(tmp_path):
    rows = [(f"r{number}", None, str(number % 2 == 0)) for number in range(4)]
    chosen = load_preset("dataset", "challenge_2025").model_copy(update={"folder": "challenge"})
    write_headed_folder(tmp_path / "challenge", rows, "Chagas label")
    dataset = build_wfdb_headers(chosen, tmp_path)
    assert [int(dataset.make_examples(ref).arrays["label"][0]) for ref in dataset.records] == [1, 0, 1, 0]
    assert any("names no patient" in note for note in dataset.notes)


def test_records_without_a_label_are_left_out_and_counted(tmp_path):
    dataset = built(tmp_path, [*ROWS, ("silent", "x", None)])
    assert len(dataset.records) == len(ROWS)
    assert "records whose header says no label, left out: 1" in dataset.notes


def test_a_record_whose_header_cannot_be_read_is_put_aside_with_its_reason(tmp_path):
    write_headed_folder(tmp_path / "challenge", ROWS)
    (tmp_path / "challenge" / "bad.hea").write_text("bad 12 0 5000\n# Dx: AF\n")
    dataset = build_wfdb_headers(WfdbHeaders(), tmp_path)
    prepared = prepare(dataset, tmp_path / "cache", BadRecordPolicy(max_rate=0.2))
    assert [item.record for item in prepared.quarantine] == ["bad"]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"classes": ("AF", "VT")}, "no header says VT. They say: "),
        ({"task": "single_label", "classes": ("NSR", "AF,RBBB")}, "a/r2, a/r5, a/r8: has none of the classes"),
        ({"label_line": "Chagas label"}, "holds no record whose header has a line '# Chagas label"),
    ],
)
def test_what_headers_do_not_say_is_told(tmp_path, settings, fault):
    write_headed_folder(tmp_path / "challenge", ROWS)
    with pytest.raises(DataError, match=fault):
        build_wfdb_headers(WfdbHeaders(**settings), tmp_path)
