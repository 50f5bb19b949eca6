"""Whether the files of records stayed as they were while they were hashed and read."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kerasmed.data.records import Array, RecordRef
from kerasmed.errors import DataError

MAX_NAMED = 5


def stamps_of(records: Iterable[RecordRef]) -> Array:
    """By what each file of `records`, in their order, is known to be the one that was there before.

    Returns:
        int64 (num_files, 3): size, time of the last change in nanoseconds, number of the file; -1 where there is none.
    """
    found = np.fromiter(
        (value for record in records for path in record.paths for value in _stamp(path)), dtype=np.int64
    )
    return found.reshape(-1, 3)


def require_unchanged(before: Array, after: Array, records: Iterable[RecordRef]) -> None:
    """Refuse files that differ from what they were.

    A prepared set is named after what its files held when they were hashed, so it must hold nothing else.

    Args:
        before: Stamps of the files as they were hashed.
        after: Stamps of the same files now.
        records: Of those files; the ones of hidden records are called by the record.

    Raises:
        DataError: A file changed, came or went.
    """
    changed = (before != after).any(axis=1)
    if changed.any():
        names = sorted({name for name, other in zip(_names(records), changed, strict=True) if other})
        raise DataError(
            ", ".join(names[:MAX_NAMED]),
            f"changed while the records were read ({int(changed.sum())} of {len(changed)} files).",
            "Wait until the folder is complete, and run again.",
        )


def _names(records: Iterable[RecordRef]) -> Iterator[str]:
    for record in records:
        for path in record.paths:
            yield record.record_id if record.hidden else Path(path).name


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - no Path for each of a million
    except OSError:
        return -1, -1, -1
    # The kernel counts files in 64 bits without a sign.
    return found.st_size, found.st_mtime_ns, found.st_ino - (1 << 64 if found.st_ino >= 1 << 63 else 0)
