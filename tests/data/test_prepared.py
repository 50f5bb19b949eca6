import csv
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.dataset import BeatExamples, WfdbBeats
from kerasmed.data.dataset import Splits
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import MANIFEST, BadRecordPolicy, fingerprint_of, open_prepared, prepare
from kerasmed.data.sources.wfdb_beats import build_wfdb_beats
from kerasmed.errors import DataError, LeakageError
from tests.fakes.beats import write_beats, write_part

STRICT, LENIENT = BadRecordPolicy(skip=False), BadRecordPolicy(max_rate=0.5)
NAMES = ("r0", "r1", "r2", "r3")


def dataset_of(root, **examples):
    return build_wfdb_beats(WfdbBeats(folder="db", examples=BeatExamples(**examples)), root)


@pytest.fixture
def root(tmp_path) -> Path:
    for number, name in enumerate(NAMES):
        write_beats(tmp_path / "db", name, "NNVN+NA~N", seed=number)
    return tmp_path


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def sets_in(cache):
    """Names of what would be taken for a prepared set."""
    return sorted(path.parent.name for path in cache.rglob(MANIFEST))


def break_record(root, name="r1"):
    (root / "db" / f"{name}.dat").write_bytes(b"\x01\x02")


def with_makers(dataset, **makers):
    """The dataset, in which some records are made by functions of their own."""

    def make_examples(record):
        return makers.get(record.record_id, dataset.make_examples)(record)

    return replace(dataset, make_examples=make_examples)


def emptied(dataset):
    """The dataset with records that hold no example."""

    def make_examples(record):
        whole = dataset.make_examples(record)
        cut = [{name: column[:0] for name, column in part.items()} for part in (whole.arrays, whole.index)]
        return replace(whole, arrays=cut[0], index=cut[1], content=whole.content[:0])

    return replace(dataset, make_examples=make_examples)


def test_arrays_are_those_of_the_records_in_order(root, cache):
    dataset = dataset_of(root)
    prepared = prepare(dataset, cache, STRICT)
    parts = [dataset.make_examples(record) for record in dataset.records]
    assert set(prepared.arrays) == {"signal", "rr", "shape", "label"}
    for name, array in prepared.arrays.items():
        np.testing.assert_array_equal(array, np.concatenate([part.arrays[name] for part in parts]), err_msg=name)


def test_arrays_are_read_only_memory_maps(root, cache):
    for array in prepare(dataset_of(root), cache, STRICT).arrays.values():
        assert isinstance(array, np.memmap)
        assert array.mode == "r"
        assert array.flags.c_contiguous


def test_the_index_has_a_value_of_every_column_for_each_example(root, cache):
    prepared = prepare(dataset_of(root), cache, STRICT)
    assert set(prepared.index) == {"id", "record", "patient", "sample", "symbol", "content", "label"}
    assert {len(column) for column in prepared.index.values()} == {len(prepared)} == {28}
    assert prepared.index["id"][[0, 7]].tolist() == ["r0:0", "r1:0"]
    np.testing.assert_array_equal(prepared.index["label"], prepared.arrays["label"])


def test_content_is_what_the_records_say(root, cache):
    dataset = dataset_of(root)
    said = np.concatenate([dataset.make_examples(record).content for record in dataset.records])
    np.testing.assert_array_equal(prepare(dataset, cache, STRICT).index["content"], said)


def test_without_a_word_on_content_equal_signals_are_found_by_the_largest_input(root, cache):
    dataset = dataset_of(root)

    def twice_the_first(record):
        made = dataset.make_examples(record)
        signal = made.arrays["signal"].copy()
        signal[1] = signal[0]
        return replace(made, arrays={**made.arrays, "signal": signal}, content=None)

    content = prepare(with_makers(dataset, r0=twice_the_first), cache, STRICT).index["content"]
    assert content[0] == content[1]
    assert len(np.unique(content)) == 27


def test_the_set_says_what_it_holds(root, cache):
    dataset = dataset_of(root)
    prepared = prepare(dataset, cache, STRICT)
    assert prepared.spec == dataset.spec
    assert prepared.fingerprint == fingerprint_of(dataset, STRICT)
    assert prepared.manifest["num_records"] == 4


def test_what_was_dropped_is_counted_over_all_records(root, cache):
    assert prepare(dataset_of(root), cache, STRICT).manifest["dropped"] == {
        "annotations '+' that are no beat of the five classes": 4,
        "annotations '~' that are no beat of the five classes": 4,
    }


def test_a_set_that_is_there_is_used_again(root, cache):
    first = prepare(dataset_of(root), cache, STRICT)
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    again = prepare(dataset_of(root), cache, STRICT)
    assert again.folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in again.folder.rglob("*")} == stamps


def test_the_same_files_elsewhere_are_the_same_set(root, cache, tmp_path):
    shutil.copytree(root / "db", tmp_path / "moved" / "db")
    assert fingerprint_of(dataset_of(tmp_path / "moved"), STRICT) == fingerprint_of(dataset_of(root), STRICT)


def test_another_recipe_is_another_set(root, cache):
    one, other = (prepare(dataset_of(root, rate_hz=rate_hz), cache, STRICT) for rate_hz in (180, 90))
    assert one.folder != other.folder
    assert len(sets_in(cache)) == 2


@pytest.mark.parametrize("extension", ["hea", "dat", "atr"])
def test_a_changed_file_is_another_set(root, extension):
    before = fingerprint_of(dataset_of(root), STRICT)
    path = root / "db" / f"r2.{extension}"
    path.write_bytes(path.read_bytes() + b"\n")
    assert fingerprint_of(dataset_of(root), STRICT) != before


def test_a_patient_given_to_a_record_is_another_set(root):
    dataset = dataset_of(root)
    records = (replace(dataset.records[0], patient="anna"), *dataset.records[1:])
    assert fingerprint_of(replace(dataset, records=records), STRICT) != fingerprint_of(dataset, STRICT)


def test_progress_is_told_record_by_record(root, cache):
    told = []
    prepare(dataset_of(root), cache, STRICT, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_bad_record_is_left_out_and_its_reason_kept(root, cache):
    break_record(root)
    prepared = prepare(dataset_of(root), cache, LENIENT)
    assert set(prepared.index["record"]) == {"r0", "r2", "r3"}
    with (prepared.folder / "quarantine.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert "r1.dat" in row["reason"]
    assert [item.reason for item in prepared.quarantine] == [row["reason"]]


def test_a_reason_with_commas_and_quotes_is_kept_whole(root, cache):
    reason = 'says "1, 2\n3".'

    def refuse(record):
        raise DataError(record.record_id, reason)

    prepared = prepare(with_makers(dataset_of(root), r2=refuse), cache, LENIENT)
    assert [(item.record, item.reason) for item in prepared.quarantine] == [("r2", f"r2: {reason}")]


def test_more_bad_records_than_allowed_end_the_run(root, cache):
    break_record(root)
    with pytest.raises(DataError, match=r"1 of 4 records: cannot be used \(r1.*max_bad_rate above 0\.25"):
        prepare(dataset_of(root), cache, BadRecordPolicy(max_rate=0.24))
    assert sets_in(cache) == []


def test_as_many_bad_records_as_allowed_pass(root, cache):
    break_record(root)
    assert len(prepare(dataset_of(root), cache, BadRecordPolicy(max_rate=0.25))) == 21


def test_a_set_with_more_bad_records_than_allowed_is_not_used_again_either(root, cache):
    break_record(root)
    prepare(dataset_of(root), cache, LENIENT)
    with pytest.raises(DataError, match="1 of 4 records"):
        prepare(dataset_of(root), cache, BadRecordPolicy(max_rate=0.01))


def test_fail_ends_at_the_first_bad_record(root, cache):
    break_record(root, "r0")
    told = []
    with pytest.raises(DataError, match="1 of 4 records"):
        prepare(dataset_of(root), cache, STRICT, lambda done, total: told.append(done))
    assert told == []
    assert sets_in(cache) == []


def test_no_example_at_all_is_refused(root, cache):
    with pytest.raises(DataError, match="db: holds no example"):
        prepare(emptied(dataset_of(root)), cache, LENIENT)
    assert sets_in(cache) == []


def test_a_check_of_the_counts_that_fails_leaves_no_set(root, cache):
    def refuse(index, dropped):
        raise DataError("db", f"{len(index['id'])} beats, {sum(dropped.values())} dropped")

    with pytest.raises(DataError, match="28 beats, 8 dropped"):
        prepare(replace(dataset_of(root), check=refuse), cache, STRICT)
    assert sets_in(cache) == []


def test_a_prepare_that_ends_in_reading_leaves_no_set(root, cache):
    def interrupt(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(with_makers(dataset_of(root), r2=interrupt), cache, LENIENT)
    assert sets_in(cache) == []


def test_a_prepare_that_ends_in_writing_leaves_no_set(root, cache):
    dataset = dataset_of(root)

    def longer_windows(record):
        made = dataset.make_examples(record)
        return replace(made, arrays={**made.arrays, "signal": np.repeat(made.arrays["signal"], 2, axis=1)})

    with pytest.raises(AssertionError, match=r"signal\.npy"):
        prepare(with_makers(dataset, r3=longer_windows), cache, STRICT)
    assert sets_in(cache) == []
    assert [path for path in cache.rglob("*") if path.suffix == ".npy"] == []


def test_after_a_prepare_that_ended_the_next_one_makes_the_set(root, cache):
    def interrupt(record):
        raise KeyboardInterrupt

    dataset = dataset_of(root)
    with pytest.raises(KeyboardInterrupt):
        prepare(with_makers(dataset, r2=interrupt), cache, STRICT)
    assert len(prepare(dataset, cache, STRICT)) == 28


def test_a_half_written_folder_is_not_taken_for_a_set(root, cache):
    dataset = dataset_of(root)
    folder = prepare(dataset, cache, STRICT).folder
    (folder / MANIFEST).unlink()
    (folder / "arrays" / "signal.npy").write_bytes(b"half")
    assert len(prepare(dataset, cache, STRICT).arrays["signal"]) == 28


def test_runs_that_start_together_read_the_records_once(root, cache):
    dataset = dataset_of(root)
    read, together = [], threading.Barrier(2)

    def counted(record):
        read.append(record.record_id)
        return dataset.make_examples(record)

    def run(_):
        together.wait()
        return prepare(replace(dataset, make_examples=counted), cache, STRICT).folder

    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(run, range(2)))
    assert sorted(read) == list(NAMES)
    assert len(open_prepared(folders.pop())) == 28


def splits_of(prepared, test):
    of_test = np.isin(prepared.index["record"], test)
    return Splits(np.flatnonzero(~of_test), np.zeros(0, np.int64), np.flatnonzero(of_test))


@pytest.mark.parametrize("template", ["residual", "none"])
def test_a_cut_copy_of_a_record_under_another_name_is_refused(root, cache, template):
    write_part(root / "db" / "r1.hea", root / "db", "copy", first=777, last=2300, patient="someone else")
    dataset = dataset_of(root, template=template)
    prepared = prepare(dataset, cache, STRICT)
    with pytest.raises(LeakageError, match=r"the same signal in train and test: .*r1:3 = copy:1\b"):
        check_splits(prepared.index, splits_of(prepared, ["copy"]), dataset.protocol)


def test_records_of_different_people_pass(root, cache):
    dataset = dataset_of(root)
    prepared = prepare(dataset, cache, STRICT)
    assert check_splits(prepared.index, splits_of(prepared, ["r0", "r3"]), dataset.protocol).shared_signals == 0


def test_a_cut_copy_of_a_real_record_is_refused(mitdb, tmp_path, cache):
    write_part(mitdb / "112.hea", tmp_path / "db", "112", 0, 40_000)
    write_part(mitdb / "112.hea", tmp_path / "db", "x", 12_345, 30_000)
    write_part(mitdb / "205.hea", tmp_path / "db", "205", 0, 40_000)
    dataset = dataset_of(tmp_path)
    prepared = prepare(dataset, cache, STRICT)
    assert check_splits(prepared.index, splits_of(prepared, ["205"]), dataset.protocol).shared_signals == 0
    with pytest.raises(LeakageError, match="the same signal in train and test: 112:"):
        check_splits(prepared.index, splits_of(prepared, ["x"]), dataset.protocol)
