"""Labels of many records: held as bits, known by a digest of everything that decides them."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.records import RecordRef
from kerasmed.data.sources.labelled_records import labels_of

RECORDS = tuple(RecordRef(name, "p", (Path("folder") / f"{name}.hea",)) for name in ("a", "b", "c"))


@pytest.mark.parametrize("num_classes", [1, 7, 8, 9, 17])
def test_several_labels_come_back_from_their_bits(num_classes):
    targets = np.random.default_rng(num_classes).integers(0, 2, (3, num_classes), dtype=np.int8)
    labels = labels_of(RECORDS, targets)
    found = [labels.target_of(record.record_id) for record in RECORDS]
    assert labels.targets.shape == (3, -(-num_classes // 8))
    assert [row.dtype for row in found] == [np.int8] * 3
    np.testing.assert_array_equal(found, targets)


def test_one_label_is_the_position_of_its_class():
    labels = labels_of(RECORDS, np.array([4, 0, 2], np.int8))
    assert [int(labels.target_of(name)) for name in "abc"] == [4, 0, 2]


@pytest.mark.parametrize(
    ("records", "targets", "fold"),
    [
        (RECORDS[::-1], [[1, 0], [0, 1], [1, 1]], [1, 2, 3]),
        (RECORDS, [[1, 0], [0, 1], [1, 0]], [1, 2, 3]),
        (RECORDS, [[1, 0, 0], [0, 1, 0], [1, 1, 0]], [1, 2, 3]),  # the same bits, of one class more
        (RECORDS, [[1, 0], [0, 1], [1, 1]], [1, 2, 4]),
    ],
    ids=["records", "targets", "classes", "columns"],
)
def test_whatever_is_said_otherwise_is_another_digest(records, targets, fold):
    def digest(records, targets, fold):
        return labels_of(records, np.array(targets, np.int8), fold=np.array(fold, np.int16)).digest()

    known = digest(RECORDS, [[1, 0], [0, 1], [1, 1]], [1, 2, 3])
    assert digest(RECORDS, [[1, 0], [0, 1], [1, 1]], [1, 2, 3]) == known
    assert digest(records, targets, fold) != known


def test_a_record_keeps_its_files_when_it_is_sent_to_a_process_or_changed():
    record = RecordRef("a", "p", (Path("folder") / "a.hea", Path("folder") / "a.dat"), hidden=True)
    assert record.files == (Path("folder/a.hea"), Path("folder/a.dat"))
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - our own bytes
    assert replace(record, patient="q").files == record.files
