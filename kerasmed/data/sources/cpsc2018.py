"""China Physiological Signal Challenge 2018 (Liu et al., J. Med. Imaging Health Inform. 8:1368): 6,877 public records.

Both forms are read: the challenge's own `.mat` files, and the WFDB records of the Challenges of 2020 and 2021, in any
sub-folders. Labels are those of REFERENCE.csv where it is there, else of the headers. Duration goes with class (the
longest records are of few classes), so an example is of one length, and no input tells how long the record was.

The test part of the challenge was never given out and there is no official split of the rest: records are dealt to ten
folds, each with its share of every class, by a draw that never changes; folds 1 to 8 train, 9 chooses, 10 judges. No
patient is known, so a record is a patient of its own.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import Cpsc2018, RecordExamples
from kerasmed.data.cpsc_labels import (
    ANY_COUNTS,
    CLASSES,
    NUM_RECORDS,
    RECORD_NAME,
    REFERENCE,
    labels_of_header,
    read_reference,
)
from kerasmed.data.dataset import Dataset, Index, Protocol, Published
from kerasmed.data.readers.cpsc_mat import RATE_HZ, read_cpsc_mat
from kerasmed.data.readers.wfdb import read_header
from kerasmed.data.record_examples import record_spec
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.sources.labelled_records import Labels, label_record, labels_of, read_labelled
from kerasmed.data.splits import deal_groups, split_by_fold
from kerasmed.errors import DataError
from kerasmed.spec import TargetSpec

NUM_FOLDS = 10
TRAIN, VALIDATION, TEST = tuple(range(1, 9)), (9,), (10,)
NAME = "cpsc2018"
README = "README of github.com/helme/ecg_ptbxl_benchmarking"
OTHER_DRAW = "ten folds of another draw, 2.5 s crops at 100 Hz"
PUBLISHED = (
    *(Published(work, {"macro_auc": value}, README, OTHER_DRAW) for work, value in (
        ("xresnet1d101", 0.974),
        ("resnet1d_wang", 0.969),
        ("lstm", 0.964),
        ("inception1d", 0.963),
        ("lstm_bidir", 0.959),
        ("fcn_wang", 0.957),
        ("Wavelet+NN", 0.905),
    )),
    Published(
        "ResNet34 (Zhang et al. 2021)", {"macro_auc": 0.970, "macro_f1": 0.813},
        "README of github.com/onlyzdd/ecg-diagnosis", "ten-fold cross-validation",
    ),
)  # fmt: skip
FIRST_UNKNOWN = (
    f"no {REFERENCE}: which of several labels is the first is not known; where the score of the challenge asks for it, "
    "the first class in its order stands in"
)


def build_cpsc2018(config: Cpsc2018, data_root: Path) -> Dataset:
    """The records that REFERENCE.csv names, or without it all that are there.

    Raises:
        DataError: Records are missing and `allow_missing` is off, REFERENCE.csv has faults, or a header no class.
    """
    folder = data_root / config.folder
    found = find_records(folder)
    reference = folder / REFERENCE
    said = read_reference(reference) if reference.is_file() else _said_by_headers(found)
    missing = [name for name in said if name not in found]
    if len(missing) == len(said) or (missing and not config.allow_missing):
        raise DataError(
            str(folder),
            f"{len(missing):,} of {len(said):,} records of {REFERENCE} are missing, {missing[0]} first.",
            "Put them there, or go on without: dataset.allow_missing=true.",
        )
    records = tuple(RecordRef(name, name, found[name]) for name in said if name in found)
    labels = _labels(said, records, told_first=reference.is_file())
    return Dataset(
        name=NAME,
        spec=record_spec(config.examples, TargetSpec("multi_label", CLASSES), RATE_HZ),
        records=records,
        make_examples=partial(read_either, settings=config.examples, labels=labels),
        split=partial(split_by_fold, train=TRAIN, validation=VALIDATION, test=TEST),
        protocol=Protocol(
            name="cpsc2018_ten_folds",
            describe="Records in ten folds with their share of every class: 1-8 train, 9 chooses the epoch, 10 judges.",
            published=PUBLISHED,
            challenge="cpsc2018",
            ranked_by="macro_auc",
        ),
        recipe={"source": NAME, "labels": labels.digest()},
        check=check_counts,
        notes=_notes(said, missing, reference.is_file()),
    )


def find_records(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Files of each record below the folder: header and signal of a WFDB one, else the challenge's .mat file.

    Raises:
        DataError: The folder is missing or has no record.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Set --data-dir to the folder that holds it.")
    found: dict[str, tuple[Path, ...]] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stem, _, suffix = name.rpartition(".")
            if not RECORD_NAME.fullmatch(stem) or suffix not in ("hea", "mat"):
                continue
            path = Path(place, name)
            if stem in found and path.parent != found[stem][0].parent:
                raise DataError(str(folder), f"record {stem} is there twice: {path} and {found[stem][0]}.")
            if suffix == "hea":
                found[stem] = (path, path.with_suffix(".mat"))
            else:
                found.setdefault(stem, (path,))
    if not found:
        raise DataError(str(folder), "has no record such as A0001.hea or A0001.mat.")
    return dict(sorted(found.items()))


def _said_by_headers(found: Mapping[str, tuple[Path, ...]]) -> dict[str, tuple[int, ...]]:
    said = {}
    for name, files in found.items():
        if files[0].suffix != ".hea":
            raise DataError(files[0].name, f"has no class, since there is no {REFERENCE}.", "Put it into the folder.")
        said[name] = labels_of_header(read_header(files[0]).comments, name)
    return said


def deal_folds(said: Mapping[str, tuple[int, ...]]) -> tuple[Array, Array]:
    """int16 (n,), the fold of each record, from 1 on, and int8 (n, 9), its labels; fewer than ten records all train."""
    marks = np.zeros((len(said), len(CLASSES)), np.int8)
    for row, places in enumerate(said.values()):
        marks[row, list(places)] = 1
    if len(said) < NUM_FOLDS:
        return np.ones(len(said), np.int16), marks
    return (1 + deal_groups(np.array(list(said)), marks, [1 / NUM_FOLDS] * NUM_FOLDS, seed=0)).astype(np.int16), marks


def _labels(said: Mapping[str, tuple[int, ...]], records: tuple[RecordRef, ...], told_first: bool) -> Labels:
    """Targets, folds and first labels of `records`; folds are dealt over all that is said, whatever is missing."""
    fold, marks = deal_folds(said)
    row_of = {name: row for row, name in enumerate(said)}
    rows = np.array([row_of[record.record_id] for record in records])
    columns = {"fold": fold[rows]}
    if told_first:
        columns["first"] = np.array([places[0] for places in said.values()], np.int8)[rows]
    return labels_of(records, marks[rows], **columns)


def read_either(ref: RecordRef, settings: RecordExamples, labels: Labels) -> Examples:
    """The example of a record in either form; raises `DataError`."""
    if ref.files[0].suffix == ".hea":
        return read_labelled(ref, settings, labels)
    return label_record(read_cpsc_mat(ref.files[0]), ref, settings, labels)


def check_counts(index: Index, dropped: Mapping[str, int]) -> None:
    """Hold the labels of all 6,877 records against those counted from REFERENCE.csv; fewer records are not held.

    Raises:
        DataError: A class has another number of records.
    """
    del dropped
    if len(index["id"]) != NUM_RECORDS:
        return
    counts = index["label"].sum(axis=0, dtype=np.int64)
    wrong = [f"{CLASSES[c]} {counts[c]} instead of {ANY_COUNTS[c]}" for c in np.flatnonzero(counts != ANY_COUNTS)]
    if wrong:
        raise DataError(
            NAME, f"labels are not those of the challenge: {', '.join(wrong)}.", f"Fetch {REFERENCE} again."
        )


def _notes(said: Mapping[str, tuple[int, ...]], missing: list[str], told_first: bool) -> tuple[str, ...]:
    notes = ["no patient is known: each record counts as a patient of its own"]
    if not told_first:
        notes.append(FIRST_UNKNOWN)
    if missing:
        notes.append(f"missing records ({len(missing):,} of {len(said):,}), {missing[0]} first")
    return tuple(notes)
