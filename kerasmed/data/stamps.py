"""Whether the files of records stayed as they were while they were hashed and read."""

from collections.abc import Iterable
from pathlib import Path

from kerasmed.data.records import RecordRef
from kerasmed.errors import DataError

# Size, time of the last change and number of the file; None where there is none.
Stamp = tuple[int, int, int] | None


def stamps_of(records: Iterable[RecordRef]) -> dict[Path, Stamp]:
    """By what each file of `records` is known to be the one that was there before."""
    return {path: _stamp(path) for record in records for path in record.files}


def require_unchanged(before: dict[Path, Stamp], after: dict[Path, Stamp], records: Iterable[RecordRef] = ()) -> None:
    """Refuse files that differ from what they were.

    A prepared set is named after what its files held when they were hashed, so it must hold nothing else.

    Args:
        before: Stamps of the files as they were hashed.
        after: Stamps of the same files now.
        records: Of those files; the ones of hidden records are called by the record.

    Raises:
        DataError: A file changed, came or went.
    """
    hidden = {path: record.record_id for record in records if record.hidden for path in record.files}
    changed = sorted(hidden.get(path, path.name) for path in before if before[path] != after[path])
    if changed:
        raise DataError(
            ", ".join(changed[:5]),
            f"changed while the records were read ({len(changed)} of {len(before)} files).",
            "Wait until the folder is complete, and run again.",
        )


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
