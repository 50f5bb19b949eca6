import numpy as np
import pytest

from kerasmed.data.image_hash import connect, near_pairs
from kerasmed.data.image_splits import split_images, split_official
from kerasmed.errors import DataError

RATES = {"validation_rate": 0.2, "near_bits": 4}


def index(num=60, part=None, seed=0, patients=30):
    rng = np.random.default_rng(seed)
    return {
        "id": np.array([f"i{row}" for row in range(num)]),
        "patient": np.array([f"p{row % patients}" for row in range(num)]),
        "kin": np.array([""] * num),
        "part": np.array(part if part is not None else [""] * num),
        "label": (np.arange(num) % 3 == 0).astype(np.int8),
        "hash": rng.integers(0, 2**64, (num, 4), dtype=np.uint64),
    }


def parts_of(splits, column):
    return [set(column[rows].tolist()) for rows in (splits.train, splits.validation, splits.test)]


def test_patients_and_near_duplicates_stay_together():
    table = index()
    table["hash"][7] = table["hash"][3] ^ np.uint64(1)  # patients p7 and p3
    groups = connect(60, table["patient"], near_pairs(table["hash"], 4))
    splits = split_images(table, 0, test_rate=0.2, **RATES)
    train, validation, test = parts_of(splits, groups)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 60


def test_every_part_gets_its_share_of_each_class():
    table = index(600, patients=300)
    for rows, share in zip(vars(split_images(table, 1, test_rate=0.2, **RATES)).values(), (0.6, 0.2, 0.2), strict=True):
        np.testing.assert_allclose(np.bincount(table["label"][rows]) / np.bincount(table["label"]), share, atol=0.03)


def official(least_validation, **changes):
    part = ["train"] * 40 + ["validation"] * 8 + ["test"] * 12
    table = index(part=part, patients=60) | changes
    return table, split_official(table, 0, least_validation=least_validation, **RATES)


def test_official_parts_are_kept():
    table, splits = official(5)
    assert [set(part) for part in parts_of(splits, table["part"])] == [{"train"}, {"validation"}, {"test"}]
    assert [len(rows) for rows in vars(splits).values()] == [40, 8, 12]


def test_a_validation_part_that_is_too_small_is_dealt_anew_by_patient_and_the_old_one_trains():
    table, splits = official(9)
    assert len(splits.test) == 12
    assert len(splits.train) + len(splits.validation) == 48
    assert 6 <= len(splits.validation) <= 13
    assert set(table["part"][splits.train]) == {"train", "validation"} - (
        {"validation"} if set(range(40, 48)) <= set(splits.validation.tolist()) else set()
    )


def test_kin_stay_together_where_we_deal_and_not_against_an_official_part():
    kin = np.array([f"k{row % 20}" for row in range(60)])
    table, splits = official(9, kin=kin)
    train, validation, _ = parts_of(splits, table["kin"])
    assert not train & validation
    assert len(splits.train) + len(splits.validation) == 48


def test_what_is_a_patient_or_a_copy_of_a_test_picture_does_not_train():
    table, _ = official(5)
    table["patient"][0] = table["patient"][50]
    table["hash"][1] = table["hash"][51]
    splits = split_official(table, 0, least_validation=5, **RATES)
    assert {0, 1}.isdisjoint(splits.train.tolist())
    assert len(splits.train) == 38
    assert len(splits.test) == 12


def test_without_a_test_part_validation_judges():
    table = index(part=["train"] * 50 + ["validation"] * 10, patients=60)
    splits = split_official(table, 0, least_validation=5, **RATES)
    np.testing.assert_array_equal(splits.validation, splits.test)


def test_a_part_that_would_be_empty_is_refused():
    table = index(part=["test"] * 60)
    with pytest.raises(DataError):
        split_official(table, 0, least_validation=5, **RATES)
