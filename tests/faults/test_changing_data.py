"""Files that change under our hands: records while they are read, prepared sets after they were made (F16)."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kerasmed import files
from kerasmed.config.dataset import WfdbBeats
from kerasmed.data.dataset import Dataset
from kerasmed.data.prepared import MANIFEST, BadRecordPolicy, prepare
from kerasmed.data.sources.wfdb_beats import build_wfdb_beats
from kerasmed.errors import DataError
from tests.fakes.beats import write_beats

LENIENT = BadRecordPolicy(max_rate=0.5)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    for number in range(3):
        write_beats(tmp_path / "db", f"r{number}", "NNVN", seed=number)
    return build_wfdb_beats(WfdbBeats(folder="db"), tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def while_reading(dataset: Dataset, act: Callable[[], object]) -> Dataset:
    """The dataset, in which something happens before the last record is read."""

    def make_examples(record):
        if record.record_id == "r2":
            act()
        return dataset.make_examples(record)

    return replace(dataset, make_examples=make_examples)


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def put_anew(path: Path) -> None:
    """Another file of the same length takes its place."""
    beside = path.with_suffix(".new")
    beside.write_bytes(path.read_bytes())
    beside.replace(path)


CHANGES = {"grown": grow, "deleted": Path.unlink, "replaced": put_anew}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["r0.dat", "r2.atr"])
def test_a_file_that_changes_while_records_are_read_is_named(change, name, dataset, cache, tmp_path: Path) -> None:
    changing = while_reading(dataset, lambda: change(tmp_path / "db" / name))
    with pytest.raises(DataError, match=rf"^{name}: changed while the records were read \(1 of 9 files\)"):
        prepare(changing, cache, LENIENT)
    assert list(cache.rglob(MANIFEST)) == []


def test_records_that_have_come_to_rest_are_prepared(dataset: Dataset, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        prepare(while_reading(dataset, lambda: grow(tmp_path / "db" / "r0.hea")), cache, LENIENT)
    assert len(prepare(dataset, cache, LENIENT)) == 12


@pytest.mark.parametrize("name", ["arrays/signal.npy", "arrays/label.npy", "index/id.npy", "quarantine.csv"])
def test_one_bit_of_a_prepared_set_is_not_trained_on(name: str, dataset: Dataset, cache: Path) -> None:
    path = prepare(dataset, cache, LENIENT).folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=rf"is a damaged prepared set \({path.name}\). Remove that folder"):
        prepare(dataset, cache, LENIENT)


def test_a_prepared_set_without_hashes_is_used_as_before(dataset: Dataset, cache: Path) -> None:
    made = prepare(dataset, cache, LENIENT)
    files.write_json(made.folder / MANIFEST, {name: value for name, value in made.manifest.items() if name != "files"})
    assert len(prepare(dataset, cache, LENIENT)) == 12


def test_what_a_killed_prepare_left_is_swept_away_by_the_next_of_any_set(dataset: Dataset, cache: Path) -> None:
    left = cache / "prepared" / f".other-0123.{'a' * 32}.tmp"
    left.mkdir(parents=True)
    prepare(dataset, cache, LENIENT)
    assert not left.exists()


def test_what_another_process_is_making_is_left_alone(dataset: Dataset, cache: Path) -> None:
    busy = cache / "prepared" / f".other-0123.{'a' * 32}.tmp"
    with files.locked(cache / "prepared" / ".other-0123.lock"):
        busy.mkdir()
        prepare(dataset, cache, LENIENT)
        assert busy.is_dir()


def test_a_set_is_hashed_file_by_file(dataset: Dataset, cache: Path) -> None:
    made = prepare(dataset, cache, LENIENT)
    listed = json.loads((made.folder / MANIFEST).read_text())["files"]
    assert listed == files.hash_folder(made.folder, skip=frozenset({MANIFEST}))
