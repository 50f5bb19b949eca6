"""The leakage guard: no example, no patient, no signal and no near duplicate of a picture in two splits."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from kerasmed.data.dataset import Index, Protocol, Splits
from kerasmed.data.image_hash import near_pairs
from kerasmed.data.records import Array
from kerasmed.errors import LeakageError

MAX_NAMED = 5
PATIENT_REMEDY = "All records of a patient belong in one split."
PICTURE_REMEDY = "Near duplicates belong in one split."
CPSC_RECORD = re.compile(r"A\d{4}")
CPSC_REMEDY = "The Challenges of 2020 and 2021 hold all of CPSC2018: keep one copy of each record."
SIGNAL_REMEDY = "Remove the copy, or give both records the same patient."


@dataclass(frozen=True)
class LeakageFacts:
    """What the guard saw, for the report.

    Attributes:
        compared: Pairs of splits that were held against each other.
        shared_patients: Patients in more than one split; 0 unless the protocol itself shares them.
        shared_signals: Distinct signals in more than one split; 0 unless the protocol shares patients.
        near_duplicates: Pairs of pictures in two splits that look alike; None where examples are no pictures.
    """

    compared: tuple[str, ...]
    shared_patients: int
    shared_signals: int
    near_duplicates: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON tree."""
        return {**asdict(self), "compared": list(self.compared)}


def refuse_known_copies(records: Iterable[str]) -> None:
    """Refuse a dataset that holds a record of CPSC2018 twice under the paths of two databases.

    All records of CPSC2018 are in the Challenges of 2020 and 2021 under their own names, A0001 to A6877, converted; so
    neither their bytes nor the digests of their signals need be equal, and their names tell.

    Args:
        records: Ids, which may be paths.

    Raises:
        LeakageError: Names the records.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for record in records:
        name = record.rpartition("/")[2]
        if CPSC_RECORD.fullmatch(name):
            places[name].append(record)
    twice = [" = ".join(same) for same in places.values() if len(same) > 1]
    _refuse(np.array(twice), "record of CPSC2018", "two databases", CPSC_REMEDY)


def check_splits(index: Index, splits: Splits, protocol: Protocol) -> LeakageFacts:
    """Refuse splits that share what they must not.

    Where the protocol is judged on validation, test is validation and is not compared. Where it puts the same patients
    into every split, those and equal signals are counted instead of refused; an example in two splits never passes.

    Args:
        index: Columns "id", "patient" and "content" (a hash of the signal), one value for each example.
        splits: Rows of `index`.
        protocol: Says which patients may be shared.

    Raises:
        LeakageError: Names the ids, the patients or the equal signals, and the splits that hold them.
    """
    parts = {"train": splits.train, "validation": splits.validation}
    if protocol.judged_on == "test":
        parts["test"] = splits.test
    pairs = list(combinations(parts, 2))
    patients: set[str] = set()
    signals: set[int] = set()
    for first, second in pairs:
        where = f"{first} and {second}"
        rows, others = parts[first], parts[second]
        _refuse(_shared(index["id"], rows, others), "example", where, "An example belongs to one split.")
        patients.update(map(str, _shared(index["patient"], rows, others)))
        equal = _shared(index["content"], rows, others)
        signals.update(equal.tolist())
        if not protocol.shares_patients:
            unforeseen = patients.difference(protocol.shared_patients)
            _refuse(np.array(sorted(unforeseen)), "patient", where, PATIENT_REMEDY)
            _refuse(_copies(index, equal, rows, others), "signal", where, SIGNAL_REMEDY)
    near = _near_duplicates(index, parts, protocol)
    return LeakageFacts(tuple("/".join(pair) for pair in pairs), len(patients), len(signals), near)


def _near_duplicates(index: Index, parts: dict[str, Array], protocol: Protocol) -> int | None:
    """How many pairs of pictures that look alike stand in two parts; refused unless the protocol shares patients."""
    if protocol.near_bits is None:
        return None
    part_of = np.full(len(index["id"]), -1)
    for number, rows in enumerate(parts.values()):
        part_of[rows] = number
    pairs = near_pairs(index["hash"], protocol.near_bits)
    sides = part_of[pairs]
    apart = pairs[(sides[:, 0] != sides[:, 1]) & (sides >= 0).all(axis=1)]
    if not protocol.shares_patients:
        named = np.array([f"{index['id'][one]} = {index['id'][other]}" for one, other in apart[: MAX_NAMED + 1]])
        _refuse(named, "picture", " and ".join(parts), PICTURE_REMEDY)
    return len(apart)


def _shared(column: Array, rows: Array, others: Array) -> Array:
    return np.intersect1d(column[rows], column[others])


def _copies(index: Index, equal: Array, rows: Array, others: Array) -> Array:
    """Text such as "100:77 = 900:77" for each content hash in `equal`: the first example of either side with it."""
    sides = ((index["id"][side], index["content"][side]) for side in (rows, others))
    named = [[ids[np.argmax(content == value)] for value in equal[: MAX_NAMED + 1]] for ids, content in sides]
    return np.array([f"{one} = {other}" for one, other in zip(*named, strict=True)])


def _refuse(shared: Array, what: str, where: str, remedy: str) -> None:
    if len(shared):
        named = ", ".join(map(str, shared[:MAX_NAMED])) + (" and more" if len(shared) > MAX_NAMED else "")
        raise LeakageError(f"the same {what} in {where}: {named}. {remedy}")
