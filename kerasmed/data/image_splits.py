"""Which pictures train, choose the epoch and judge: whole patients, duplicates with them, official parts kept."""

import numpy as np

from kerasmed.data.dataset import Index, Splits
from kerasmed.data.image_hash import connect, near_pairs
from kerasmed.data.records import Array
from kerasmed.data.splits import deal_groups, split_by_patient
from kerasmed.errors import DataError

PARTS = ("train", "validation", "test")


def related(index: Index, near_bits: int) -> Array:
    """int64 (n,): a number for all pictures of a patient and whatever looks like one of them."""
    columns = [index[name] for name in ("patient", "kin") if name in index]
    return connect(len(index["id"]), *columns, near_pairs(index["hash"], near_bits))


def split_images(index: Index, seed: int, *, validation_rate: float, test_rate: float, near_bits: int) -> Splits:
    """Deal pictures to all three parts, those that are related to the same one, each with its share of every class.

    Raises:
        DataError: There are fewer groups of related pictures than parts.
    """
    groups = related(index, near_bits).astype(np.str_)
    return split_by_patient({**index, "patient": groups}, seed, validation_rate=validation_rate, test_rate=test_rate)


def split_official(index: Index, seed: int, *, validation_rate: float, least_validation: int, near_bits: int) -> Splits:
    """Keep the parts that the folders name; what is related to a picture that judges trains nothing.

    A validation part of fewer than `least_validation` pictures joins train, from which another one is dealt by patient.
    Without a test part validation is test. Pictures that no folder names a part for train.

    Args:
        index: Columns "part" and those of `related`; "kin" counts where we deal, not against an official part.
        seed: Of the deal.
        validation_rate: Share of train that is dealt to validation.
        least_validation: See above.
        near_bits: See `near_pairs`.

    Raises:
        DataError: A part would hold no picture.
    """
    part = index["part"]
    test, validation = (np.flatnonzero(part == name) for name in ("test", "validation"))
    pool = np.flatnonzero(~np.isin(part, ("test", "validation")))
    strict = connect(len(part), index["patient"], near_pairs(index["hash"], near_bits))
    if len(validation) < least_validation:
        pool = _unrelated(np.sort(np.concatenate([pool, validation])), test, strict)
        train, validation = _deal_pool(pool, index, seed, validation_rate, near_bits)
    else:
        validation = _unrelated(validation, test, strict)
        train = _unrelated(pool, np.concatenate([test, validation]), strict)
    splits = Splits(train, validation, test if len(test) else validation)
    for name, rows in zip(PARTS, (splits.train, splits.validation, splits.test), strict=True):
        if not len(rows):
            raise DataError("the official parts", f"leave no picture for {name}.")
    return splits


def _unrelated(rows: Array, others: Array, groups: Array) -> Array:
    return rows[~np.isin(groups[rows], groups[others])]


def _deal_pool(pool: Array, index: Index, seed: int, rate: float, near_bits: int) -> tuple[Array, Array]:
    part_of = deal_groups(related(index, near_bits)[pool], index["label"][pool], (1 - rate, rate), seed)
    return pool[part_of == 0], pool[part_of == 1]
