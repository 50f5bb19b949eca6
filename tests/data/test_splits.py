import numpy as np
import pytest

from kerasmed.data.splits import deal_groups, folds, split_at_random, split_by_patient, split_by_record, split_files
from kerasmed.errors import ConfigError, DataError


def index_of(counts, patients=None):
    """One record for each row of `counts`, with that many examples of each class."""
    names = [f"r{number:02d}" for number in range(len(counts))]
    labels = [np.repeat(np.arange(len(row)), row) for row in counts]
    record = np.repeat(names, [len(part) for part in labels])
    whom = dict(zip(names, patients or names, strict=True))
    return {
        "record": record,
        "patient": np.array([whom[name] for name in record]),
        "label": np.concatenate(labels).astype(np.int8),
    }


def uneven(num_records=12, seed=0):
    rng = np.random.default_rng(seed)
    return index_of(np.stack([rng.integers(50, 200, num_records), rng.integers(0, 40, num_records)], axis=1))


def assert_parts(splits, index):
    rows = np.concatenate([splits.train, splits.validation, splits.test])
    assert sorted(rows.tolist()) == list(range(len(index["label"])))


def counts_of(index, rows):
    return np.bincount(index["label"][rows], minlength=2)


def test_records_go_where_they_are_named():
    index = index_of([[3], [2], [4]])
    splits = split_by_record(index, 0, train=("r00",), validation=("r01",), test=("r02",))
    assert [part.tolist() for part in (splits.train, splits.validation, splits.test)] == [
        [0, 1, 2],
        [3, 4],
        [5, 6, 7, 8],
    ]


def test_a_part_without_examples_is_refused_by_name():
    with pytest.raises(DataError, match="r07: the validation part would hold no example"):
        split_by_record(index_of([[3], [2]]), 0, train=("r00",), validation=("r07",), test=("r01",))


@pytest.mark.parametrize("split", [split_at_random, split_by_patient])
def test_a_seed_repeats_a_split_and_another_gives_another(split):
    index = uneven()
    one, again, other = (split(index, seed, validation_rate=0.2, test_rate=0.2) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.test, again.test)
    np.testing.assert_array_equal(one.train, again.train)
    assert one.test.tolist() != other.test.tolist()
    assert_parts(one, index)


def test_a_random_split_keeps_the_shares_of_classes():
    index = index_of([[800, 100], [200, 10]])
    splits = split_at_random(index, 0, validation_rate=0.1, test_rate=0.2)
    assert counts_of(index, splits.test).tolist() == [200, 22]
    assert counts_of(index, splits.validation).tolist() == [80, 9]


def test_a_class_of_two_is_in_train_and_test():
    index = index_of([[100, 2]])
    splits = split_at_random(index, 0, validation_rate=0.1, test_rate=0.2)
    assert counts_of(index, splits.test)[1] == counts_of(index, splits.train)[1] == 1


def test_a_file_judges_and_the_other_is_cut():
    index = index_of([[100, 20], [10, 10]])
    splits = split_files(index, 0, train="r00", test="r01", validation_rate=0.1)
    assert set(index["record"][splits.test]) == {"r01"}
    assert set(index["record"][splits.validation]) == {"r00"}
    assert counts_of(index, splits.validation).tolist() == [10, 2]
    assert_parts(splits, index)


def test_a_patient_stays_whole():
    index = index_of([[50, 5]] * 8, patients=["a", "a", "b", "b", "c", "c", "d", "d"])
    splits = split_by_patient(index, 3, validation_rate=0.25, test_rate=0.25)
    parts = [set(index["patient"][rows]) for rows in (splits.train, splits.validation, splits.test)]
    assert [len(part) for part in parts] == [2, 1, 1]
    assert set.union(*parts) == {"a", "b", "c", "d"}


def test_patients_are_dealt_so_that_classes_reach_every_part():
    index = index_of([[100, 0]] * 9 + [[100, 20]] * 6)
    splits = split_by_patient(index, 0, validation_rate=0.2, test_rate=0.2)
    shares = [
        counts_of(index, rows) / counts_of(index, slice(None))
        for rows in (splits.train, splits.validation, splits.test)
    ]
    np.testing.assert_allclose(shares, [[0.6, 0.6], [0.2, 0.2], [0.2, 0.2]], atol=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_no_part_is_empty_with_one_patient_for_each(seed):
    splits = split_by_patient(index_of([[100], [1], [1]]), seed, validation_rate=0.1, test_rate=0.1)
    assert min(len(splits.train), len(splits.validation), len(splits.test)) > 0


def test_too_few_patients_are_named():
    with pytest.raises(DataError, match=r"2 patients: are too few \(r00, r01\): train, validation and test"):
        split_by_patient(index_of([[5], [5]]), 0, validation_rate=0.2, test_rate=0.2)


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        split_by_patient(index_of([[5]] * 4), 0, validation_rate=0.5, test_rate=0.5)


def test_as_many_folds_as_records_leave_each_out_alone():
    index = uneven(num_records=5)
    parts = folds(index, 5, seed=0)
    assert [set(index["record"][fold.test]) for fold in parts] == [{f"r{number:02d}"} for number in range(5)]


def test_folds_judge_every_row_once_on_records_not_trained_on():
    index = uneven()
    parts = folds(index, 4, seed=0)
    judged = np.concatenate([fold.test for fold in parts])
    assert sorted(judged.tolist()) == list(range(len(index["label"])))
    for fold in parts:
        assert not set(index["record"][fold.test]) & set(index["record"][fold.train])
        assert len(fold.test) + len(fold.train) == len(index["label"])
        np.testing.assert_array_equal(fold.validation, fold.test)


def test_fewer_folds_share_the_classes_out():
    index = index_of([[100, 0]] * 6 + [[100, 30]] * 3)
    for fold in folds(index, 3, seed=0):
        assert counts_of(index, fold.test).tolist() == [300, 30]


def test_folds_repeat_with_their_seed():
    one, again = (folds(uneven(), 4, seed=7) for _ in range(2))
    for fold, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(fold.test, same.test)


def test_records_of_one_patient_share_a_fold():
    index = index_of([[10]] * 4, patients=["a", "b", "a", "c"])
    assert [sorted(set(index["record"][fold.test])) for fold in folds(index, 3, seed=0)] == [
        ["r00", "r02"],
        ["r01"],
        ["r03"],
    ]


def test_more_folds_than_patients_are_refused():
    with pytest.raises(ConfigError, match="num_folds=9, but there are 5 patients"):
        folds(uneven(num_records=5), 9, seed=0)


def test_several_labels_are_dealt_evenly_and_so_are_records_without_one():
    rng = np.random.default_rng(0)
    labels = (rng.random((800, 3)) < [0.4, 0.1, 0.05]).astype(np.int8)
    groups = np.char.mod("p%03d", np.arange(800) // 2)
    part = deal_groups(groups, labels, [0.1] * 10, seed=0)
    marks = np.c_[labels, ~labels.any(axis=1)]
    for column in marks.T:
        share = np.bincount(part, column, 10) / column.sum()
        np.testing.assert_allclose(share, 0.1, atol=0.03)
    assert all(len(set(part[groups == name])) == 1 for name in groups)


def test_patients_with_several_labels_are_split():
    index = {"patient": np.array(list("aabbccddee")), "label": np.eye(5, dtype=np.int8)[[0, 1, 2, 3, 4] * 2]}
    splits = split_by_patient(index, 0, validation_rate=0.2, test_rate=0.2)
    assert_parts(splits, index)
