"""Prepared sets: every example once, as memory-mapped arrays, addressed by content."""

import csv
import hashlib
import io
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.data.dataset import Dataset, Index
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.stamps import Stamp, require_unchanged, stamps_of
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec

LAYOUT = 1  # counts up when the same recipe would be stored differently
MANIFEST = "manifest.json"
QUARANTINE = "quarantine.csv"
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
        return {name: _load(self.folder / "index" / f"{name}.npy") for name in self.manifest["index"]}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Inputs and targets by name."""
        names = (*self.spec.inputs, *self.spec.targets)
        return {name: _load(self.folder / "arrays" / f"{name}.npy", mmap_mode="r") for name in names}

    @cached_property
    def quarantine(self) -> list["Quarantined"]:
        """The records that were left out."""
        with (self.folder / QUARANTINE).open(newline="") as file:
            return [Quarantined(**row) for row in csv.DictReader(file)]

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
    stamps: dict[Path, Stamp],
) -> None:
    if folder.exists():
        shutil.rmtree(folder)  # it has no manifest, so it is no set
    good, quarantine = _read_all(dataset, bad, progress)
    require_unchanged(stamps, stamps_of(dataset.records), dataset.records)
    prepared_index = _index(good, dataset.spec)
    if dataset.check is not None:
        dataset.check(prepared_index, _dropped(good))
    with files.committed_folder(folder) as beside:
        _write(beside, dataset, good, prepared_index, quarantine, fingerprint)


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


def _load(path: Path, **options: Any) -> Array:
    try:
        array: Array = np.load(path, allow_pickle=False, **options)
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
    paths = sorted({path for record in dataset.records for path in record.files})
    with ThreadPoolExecutor(4) as pool:
        hashes = list(pool.map(_hash_or_missing, paths))
    return files.digest(
        {
            "layout": LAYOUT,
            "recipe": dict(dataset.recipe),
            "spec": dataset.spec.to_json(),
            "records": [[record.record_id, record.patient] for record in dataset.records],
            "files": [[path.name, value] for path, value in zip(paths, hashes, strict=True)],
            "skip": bad.skip,
        }
    )


def _hash_or_missing(path: Path) -> str:
    return files.sha256_file(path) if path.is_file() else "missing"


def _read_all(
    dataset: Dataset, bad: BadRecordPolicy, progress: Progress | None
) -> tuple[list[Examples], list[Quarantined]]:
    good: list[Examples] = []
    quarantine: list[Quarantined] = []
    total = len(dataset.records)
    outcomes = zip(dataset.records, _outcomes(dataset.make_examples, dataset.records), strict=False)
    for done, (record, outcome) in enumerate(outcomes, start=1):
        if isinstance(outcome, Examples):
            good.append(outcome)
        else:
            log.warning("left out: %s", outcome)
            quarantine.append(Quarantined(record.record_id, str(outcome)))
            if not bad.skip:
                break
        if progress is not None:
            progress(done, total)
    bad.judge(quarantine, total)
    if not any(len(examples.index["id"]) for examples in good):
        raise DataError(dataset.name, "holds no example.", "Check the data folder and the leads asked for.")
    return good, quarantine


def _outcomes(
    make_examples: Callable[[RecordRef], Examples], records: Iterable[RecordRef]
) -> Iterator[Examples | DataError]:
    def attempt(record: RecordRef) -> Examples | DataError:
        try:
            return make_examples(record)
        except DataError as error:
            return error

    # numpy and scipy release the lock in the long calls, so threads are enough and memory is not copied.
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(attempt, records)


def _dropped(good: list[Examples]) -> Counter[str]:
    total: Counter[str] = Counter()
    for examples in good:
        total.update(examples.dropped)
    return total


def _index(good: list[Examples], spec: ExampleSpec) -> dict[str, Array]:
    columns = {name: np.concatenate([examples.index[name] for examples in good]) for name in good[0].index}
    columns["content"] = np.concatenate([_content(examples, spec) for examples in good])
    for name in spec.targets:
        columns[name] = np.concatenate([examples.arrays[name] for examples in good])
    return columns


def _content(examples: Examples, spec: ExampleSpec) -> Array:
    """uint64 (n,): what the maker of the examples says, else a digest of the largest input of each."""
    if examples.content is not None:
        return examples.content
    largest = max(spec.inputs, key=lambda name: examples.arrays[name].nbytes)
    rows = np.ascontiguousarray(examples.arrays[largest])
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _write(
    folder: Path,
    dataset: Dataset,
    good: list[Examples],
    index: dict[str, Array],
    quarantine: list[Quarantined],
    fingerprint: str,
) -> None:
    (folder / "arrays").mkdir()
    (folder / "index").mkdir()
    for name in (*dataset.spec.inputs, *dataset.spec.targets):
        _write_rows(folder / "arrays" / f"{name}.npy", [examples.arrays[name] for examples in good])
    for name, column in index.items():
        np.save(folder / "index" / f"{name}.npy", column, allow_pickle=False)
    (folder / QUARANTINE).write_text(_quarantine_csv(quarantine), newline="")
    manifest = {
        "layout": LAYOUT,
        "fingerprint": fingerprint,
        "dataset": dataset.name,
        "spec": dataset.spec.to_json(),
        "recipe": dict(dataset.recipe),
        "num_examples": len(index["id"]),
        "num_records": len(good),
        "index": sorted(index),
        "dropped": dict(_dropped(good)),
        "quarantined": len(quarantine),
        "files": files.hash_folder(folder),
    }
    files.write_json(folder / MANIFEST, manifest)


def _write_rows(path: Path, parts: list[Array]) -> None:
    """Append `parts` to one C-contiguous `.npy` without holding them all as one array."""
    dtype, shape = parts[0].dtype, (sum(len(part) for part in parts), *parts[0].shape[1:])
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    # Plain writes and no memory map: a full disk is an error at the write, where a map would end the process (SIGBUS).
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            assert (part.dtype, part.shape[1:]) == (dtype, shape[1:]), f"{path.name}: {part.dtype} {part.shape}"
            file.write(np.ascontiguousarray(part).data)


def _quarantine_csv(quarantine: list[Quarantined]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["record", "reason"])
    writer.writerows([item.record, item.reason] for item in quarantine)
    return text.getvalue()
