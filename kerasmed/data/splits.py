"""Which rows train, choose the epoch and judge. Every split is a pure function of the index and a seed."""

from collections.abc import Sequence

import numpy as np

from kerasmed.data.dataset import Index, Splits
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, DataError

PARTS = ("train", "validation", "test")
ORDER_CHANGE = (0.5, 1.5)


def split_by_record(
    index: Index, seed: int, *, train: Sequence[str], validation: Sequence[str], test: Sequence[str]
) -> Splits:
    """Rows of the named records; the seed decides nothing. Without validation records that part is empty.

    Raises:
        DataError: A part has no example, though it has records.
    """
    del seed
    parts = [np.flatnonzero(np.isin(index["record"], names)) for names in (train, validation, test)]
    for part, names, rows in zip(PARTS, (train, validation, test), parts, strict=True):
        if not len(rows) and (names or part != "validation"):
            raise DataError(", ".join(names) or "no record", f"the {part} part would hold no example.")
    return Splits(*parts)


def split_by_fold(
    index: Index, seed: int, *, train: Sequence[int], validation: Sequence[int], test: Sequence[int]
) -> Splits:
    """Rows of the named folds, by the column "fold" of the index; the seed decides nothing.

    Raises:
        DataError: A part has no example.
    """
    del seed
    parts = [np.flatnonzero(np.isin(index["fold"], folds)) for folds in (train, validation, test)]
    for part, named, rows in zip(PARTS, (train, validation, test), parts, strict=True):
        if not len(rows):
            raise DataError(f"folds {', '.join(map(str, named))}", f"the {part} part would hold no example.")
    return Splits(*parts)


def split_at_random(index: Index, seed: int, *, validation_rate: float, test_rate: float) -> Splits:
    """Random examples of each class, whoever they are of: `test_rate` of all, then `validation_rate` of the rest."""
    rng = np.random.default_rng(seed)
    train, test = cut_from(np.arange(len(index["label"])), index["label"], test_rate, rng)
    train, validation = cut_from(train, index["label"], validation_rate, rng)
    return Splits(train, validation, test)


def split_files(index: Index, seed: int, *, train: str, test: str, validation_rate: float) -> Splits:
    """The rows of one file to train on, less `validation_rate` of each class drawn at random; another file to judge."""
    of_train, of_test = (np.flatnonzero(index["record"] == name) for name in (train, test))
    train_rows, validation = cut_from(of_train, index["label"], validation_rate, np.random.default_rng(seed))
    return Splits(train_rows, validation, of_test)


def split_by_patient(index: Index, seed: int, *, validation_rate: float, test_rate: float) -> Splits:
    """Whole patients to each part, so that every part gets its share of every class as far as patients allow.

    Raises:
        DataError: There are fewer patients than parts.
    """
    patients, patient_of_row = np.unique(index["patient"], return_inverse=True)
    if len(patients) < len(PARTS):
        raise DataError(
            f"{len(patients)} patients",
            f"are too few ({', '.join(patients)}): train, validation and test need one each.",
            "Add records, and a header line '# patient: NAME' where records share a patient.",
        )
    shares = np.array([1 - validation_rate - test_rate, validation_rate, test_rate])
    if shares[0] <= 0:
        raise ConfigError(
            f"dataset.validation_rate {validation_rate} and dataset.test_rate {test_rate} leave nothing to train on; "
            "their sum must be below 1."
        )
    part_of = _deal(_class_shares(patient_of_row, index["label"]), shares, np.random.default_rng(seed))
    return Splits(*(np.flatnonzero(part_of[patient_of_row] == part) for part in range(len(PARTS))))


def deal_groups(groups: Array, labels: Array, shares: Sequence[float], seed: int) -> Array:
    """int64 (n,): the part of every row, whole groups to each part, so that each gets its share of every class.

    Args:
        groups: (n,), what must stay together.
        labels: int (n,), class of each row.
        shares: Of the parts; together 1.
        seed: Changes the deal.

    Raises:
        DataError: There are fewer groups than parts.
    """
    names, group_of_row = np.unique(groups, return_inverse=True)
    if len(names) < len(shares):
        raise DataError(f"{len(names)} groups", f"are too few to deal to {len(shares)} parts.", "Add records.")
    held = _class_shares(group_of_row, labels)
    part_of: Array = _deal(held, np.array(shares), np.random.default_rng(seed))[group_of_row]
    return part_of


def folds(index: Index, num_folds: int, seed: int) -> list[Splits]:
    """Leave records out in turn: each fold is judged on records that the others train on.

    Records of one patient stay together. With as many folds as patients each is left out alone, in the order of their
    ids; with fewer, they are dealt so that every fold gets its share of every class. Validation and test of a fold are
    both what was left out.

    Raises:
        ConfigError: There are fewer patients than folds.
    """
    patients, patient_of_row = np.unique(index["patient"], return_inverse=True)
    if num_folds > len(patients):
        raise ConfigError(
            f"dataset.num_folds={num_folds}, but there are {len(patients)} patients; write at most that many."
        )
    if num_folds == len(patients):
        fold_of = np.arange(num_folds)
    else:
        even = np.full(num_folds, 1 / num_folds)
        fold_of = _deal(_class_shares(patient_of_row, index["label"]), even, np.random.default_rng(seed))
    fold_of_row = fold_of[patient_of_row]
    held_out = [np.flatnonzero(fold_of_row == fold) for fold in range(num_folds)]
    return [Splits(np.flatnonzero(fold_of_row != fold), rows, rows) for fold, rows in enumerate(held_out)]


def cut_from(rows: Array, labels: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Cut `rate` of the rows of each class at random; at least one of a class of two or more.

    Args:
        rows: int64 (n,), rows to choose from.
        labels: int, class of every row of the index.
        rate: Share to cut.
        rng: Draws the rows.

    Returns:
        The rows that are left and those that were cut, both ascending.
    """
    cut: list[Array] = []
    for label in np.unique(labels[rows]):
        of_class = rows[labels[rows] == label]
        count = max(round(rate * len(of_class)), min(1, len(of_class) - 1))
        cut.append(rng.permutation(of_class)[:count])
    taken = np.sort(np.concatenate(cut)) if cut else rows[:0]
    return np.setdiff1d(rows, taken, assume_unique=True), taken


def _class_shares(unit_of_row: Array, labels: Array) -> Array:
    """float64 (units, classes): the share of all examples of a class that each unit holds."""
    units, classes = int(unit_of_row.max()) + 1, int(labels.max()) + 1
    counts = np.bincount(unit_of_row * classes + labels, minlength=units * classes).reshape(units, classes)
    shares: Array = counts / np.maximum(counts.sum(axis=0), 1)
    return shares


def _deal(held: Array, targets: Array, rng: np.random.Generator) -> Array:
    """int64 (units,): the part of each unit, so that parts hold about `targets` of every class and none is empty.

    The units that hold most of some class are dealt first, each to the part that then strays least from its target. The
    generator changes the order somewhat, so that another seed gives another deal.
    """
    part_of = np.full(len(held), -1)
    load = np.zeros((len(targets), held.shape[1]))
    num_units = np.zeros(len(targets), dtype=np.int64)
    order = np.argsort(-held.max(axis=1) * rng.uniform(*ORDER_CHANGE, len(held)), kind="stable")
    for dealt, unit in enumerate(order):
        # What sum((load - target)^2 / target) grows by; it is least where the part is emptiest for its size.
        growth = ((2 * load * held[unit] + held[unit] ** 2).sum(axis=1)) / targets
        empty = num_units == 0
        if len(order) - dealt <= empty.sum():
            growth[~empty] = np.inf
        part = int(growth.argmin())
        part_of[unit] = part
        load[part] += held[unit]
        num_units[part] += 1
    return part_of
