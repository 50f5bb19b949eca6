"""Prepared sets: every example once, as memory-mapped arrays, addressed by content."""

import csv
import hashlib
import io
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.data.ahead import in_order, portions
from kerasmed.data.dataset import Dataset, Index
from kerasmed.data.making import make_all
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.rows import Columns, RowFile
from kerasmed.data.stamps import require_unchanged, stamps_of
from kerasmed.errors import DataError
from kerasmed.spec import CLASS_TASKS, ExampleSpec

LAYOUT = 2  # counts up when the same recipe would be stored differently
HASH_THREADS, HASH_PORTION = 2, 64
MANIFEST = "manifest.json"
QUARANTINE = "quarantine.csv"
QUALITY, MEASURED = "quality/measures.npy", "quality/records.npy"
log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Prepared:
    """A prepared set on disk. Arrays open as read-only memory maps, one row for each example."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def spec(self) -> ExampleSpec:
        """What one example is."""
        return ExampleSpec.from_json(self.manifest["spec"])

    @property
    def fingerprint(self) -> str:
        """Digest of every input file, the recipe and the layout."""
        return str(self.manifest["fingerprint"])

    @cached_property
    def index(self) -> Index:
        """Columns, one value for each example."""
        return {name: _map(self.folder / "index" / f"{name}.npy") for name in self.manifest["index"]}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Inputs and targets by name."""
        names = (*self.spec.inputs, *self.spec.targets)
        return {name: _map(self.folder / "arrays" / f"{name}.npy") for name in names}

    @cached_property
    def quarantine(self) -> list["Quarantined"]:
        """The records that were left out."""
        with (self.folder / QUARANTINE).open(newline="") as file:
            return [Quarantined(**row) for row in csv.DictReader(file)]

    @cached_property
    def quality(self) -> tuple[Array, Array] | None:
        """Names of records and their measures, float32 (num_records, num_leads, len(quality.BY_LEAD)), if measured."""
        if not (self.folder / QUALITY).is_file():
            return None
        return _map(self.folder / MEASURED), _map(self.folder / QUALITY)

    def __len__(self) -> int:
        return int(self.manifest["num_examples"])


@dataclass(frozen=True)
class Quarantined:
    """A record that was left out, and why."""

    record: str
    reason: str


def prepare(dataset: Dataset, cache: Path, bad: "BadRecordPolicy", progress: Progress | None = None) -> Prepared:
    """The prepared set of `dataset`: the one on disk, or a new one.

    Args:
        dataset: What to prepare.
        cache: Folder that holds prepared sets.
        bad: What to do with records that cannot be used.
        progress: Called with (records done, records in all).

    Raises:
        DataError: Too many bad records, no example at all, a record that changed while it was read, a set that is
            damaged, or counts that contradict what is known of the database.
    """
    stamps = stamps_of(dataset.records)
    fingerprint = fingerprint_of(dataset, bad)
    folder = cache / "prepared" / f"{dataset.name}-{fingerprint[:16]}"
    _sweep(folder.parent)
    if not (folder / MANIFEST).is_file():
        # Runs that start together make a set once.
        with files.locked(_lock_of(folder.name, folder.parent)):
            if not (folder / MANIFEST).is_file():
                _make(dataset, folder, fingerprint, bad, progress, stamps)
    prepared = open_prepared(folder)
    bad.judge(prepared.quarantine, len(dataset.records))
    return prepared


def _lock_of(name: str, parent: Path) -> Path:
    return parent / f".{name}.lock"


def _sweep(parent: Path) -> None:
    """Remove what a prepare that was killed left behind, whichever set it was making."""
    for left in list(parent.glob(".*.tmp")):
        name = left.name[1:].rsplit(".", 2)[0]
        # A folder that was listed and whose lock is free has no maker any more: each has a name of its own. Where we
        # may not ask, as in another's cache, it is not ours to remove.
        with suppress(PermissionError):
            if files.holder_of(_lock_of(name, parent)) is None:
                shutil.rmtree(left, ignore_errors=True)


def _make(
    dataset: Dataset,
    folder: Path,
    fingerprint: str,
    bad: "BadRecordPolicy",
    progress: Progress | None,
    stamps: Array,
) -> None:
    if folder.exists():
        shutil.rmtree(folder)  # it has no manifest, so it is no set
    with files.committed_folder(folder) as beside:
        for name in ("arrays", "index", "quality"):
            (beside / name).mkdir()
        made = _read_all(dataset, beside, bad, progress)
        require_unchanged(stamps, stamps_of(dataset.records), dataset.records)
        asked = [name for name, target in dataset.spec.targets.items() if target.task in CLASS_TASKS]
        index = made.columns.whole() | {name: _map(beside / "arrays" / f"{name}.npy") for name in asked}
        if dataset.check is not None:
            dataset.check(index, made.dropped)
        _write(beside, dataset, made, index, fingerprint)


def open_prepared(folder: Path) -> Prepared:
    """The prepared set in `folder`.

    Raises:
        DataError: A file of it is missing or damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except ValueError as error:
        raise _damaged(folder, MANIFEST) from error
    hashes: dict[str, str] = manifest.get("files", {})  # sets made before there were hashes have none
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(_hash_or_missing, [folder / name for name in hashes])
        for (name, wanted), value in zip(hashes.items(), found, strict=True):
            if value != wanted:
                raise _damaged(folder, Path(name).name)
    return Prepared(folder, manifest)


def _map(path: Path) -> Array:
    """A read-only view of a file, of which the kernel keeps in memory what it can: labels alone may be 1 GB."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path.parents[1], path.name) from error
    return array


def _damaged(folder: Path, name: str) -> DataError:
    return DataError(str(folder), f"is a damaged prepared set ({name}).", "Remove that folder; it is made anew.")


@dataclass(frozen=True)
class BadRecordPolicy:
    """`skip` leaves bad records out up to a share of `max_rate`; `fail` ends at the first."""

    skip: bool = True
    max_rate: float = 0.01

    def judge(self, quarantine: list[Quarantined], num_records: int) -> None:
        """Raise `DataError` where more records are bad than the policy bears."""
        if not quarantine:
            return
        listed = "; ".join(f"{item.reason}" for item in quarantine[:5])
        rate = len(quarantine) / num_records
        if not self.skip or rate > self.max_rate:
            raise DataError(
                f"{len(quarantine)} of {num_records} records",
                f"cannot be used ({listed}).",
                f"Mend or remove them, or set dataset.bad_records=skip and dataset.max_bad_rate above {rate:.3g}.",
            )


def fingerprint_of(dataset: Dataset, bad: BadRecordPolicy) -> str:
    """Digest of everything that decides the content of a prepared set."""
    told = {
        "layout": LAYOUT,
        "recipe": dict(dataset.recipe),
        "spec": dataset.spec.to_json(),
        "skip": bad.skip,
    }
    whole = hashlib.sha256(files.digest(told).encode())
    # Records of one large file follow one another: it is hashed once and not for each of them.
    told_of = partial(_told, lru_cache(maxsize=8)(_hash_or_missing))
    # Record by record, so that a million of them are never held as text.
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        for part in in_order(pool, told_of, portions(dataset.records, HASH_PORTION), 2 * HASH_THREADS):
            whole.update(part.encode())
    return whole.hexdigest()


def _told(hash_of: Callable[[Path], str], records: list[RecordRef]) -> str:
    """What records are, and a digest of each of their files."""
    return files.digest(
        [
            [record.record_id, record.patient, *([path.name, hash_of(path)] for path in record.files)]
            for record in records
        ]
    )


def _hash_or_missing(path: Path) -> str:
    return files.sha256_file(path) if path.is_file() else "missing"


@dataclass
class _Made:
    """What has been made so far, besides the arrays on disk."""

    columns: Columns = field(default_factory=Columns)
    quarantine: list["Quarantined"] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    measured: list[str] = field(default_factory=list)
    num_records: int = 0
    num_examples: int = 0


def _read_all(dataset: Dataset, folder: Path, bad: BadRecordPolicy, progress: Progress | None) -> _Made:
    """Every example into the arrays in `folder`, record by record, so that memory stays what it is."""
    made, total = _Made(), len(dataset.records)
    names = (*dataset.spec.inputs, *dataset.spec.targets)
    with ExitStack() as stack:
        rows = {name: stack.enter_context(RowFile(folder / "arrays" / f"{name}.npy")) for name in names}
        quality = stack.enter_context(RowFile(folder / QUALITY))
        outcomes = stack.enter_context(closing(make_all(dataset)))
        for done, (record, outcome) in enumerate(zip(dataset.records, outcomes, strict=False), start=1):
            if isinstance(outcome, Examples):
                _take(record.record_id, outcome, rows, quality, made)
            else:
                log.warning("left out: %s", outcome)
                made.quarantine.append(Quarantined(record.record_id, str(outcome)))
                if not bad.skip:
                    break
            if progress is not None:
                progress(done, total)
        bad.judge(made.quarantine, total)
        if not made.num_examples:
            raise DataError(dataset.name, "holds no example.", "Check the data folder and the leads asked for.")
    return made


def _take(record: str, examples: Examples, rows: dict[str, RowFile], quality: RowFile, made: _Made) -> None:
    assert examples.content is not None, "make_all sees to it"
    for name, file in rows.items():
        file.append(examples.arrays[name])
    made.columns.append({**examples.index, "content": examples.content})
    made.dropped.update(examples.dropped)
    made.num_records += 1
    made.num_examples += len(examples.index["id"])
    if examples.quality is not None:
        quality.append(examples.quality[None])
        made.measured.append(record)


def _write(folder: Path, dataset: Dataset, made: _Made, index: dict[str, Array], fingerprint: str) -> None:
    """Everything but the arrays, and the manifest last."""
    for name, column in index.items():
        np.save(folder / "index" / f"{name}.npy", column, allow_pickle=False)
    if made.measured:
        np.save(folder / MEASURED, np.array(made.measured, np.str_), allow_pickle=False)
    (folder / QUARANTINE).write_text(_quarantine_csv(made.quarantine), newline="")
    manifest = {
        "layout": LAYOUT,
        "fingerprint": fingerprint,
        "dataset": dataset.name,
        "spec": dataset.spec.to_json(),
        "recipe": dict(dataset.recipe),
        "num_examples": made.num_examples,
        "num_records": made.num_records,
        "index": sorted(index),
        "dropped": dict(made.dropped),
        "quarantined": len(made.quarantine),
        "files": files.hash_folder(folder),
    }
    files.write_json(folder / MANIFEST, manifest)


def _quarantine_csv(quarantine: list[Quarantined]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["record", "reason"])
    writer.writerows([item.record, item.reason] for item in quarantine)
    return text.getvalue()
