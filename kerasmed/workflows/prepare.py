"""A dataset config -> a prepared set, split and guarded."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.build import build
from kerasmed.config.any_dataset import DatasetConfig
from kerasmed.data.dataset import Dataset, Splits
from kerasmed.data.label_share import share_of_patients
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import QUARANTINE, BadRecordPolicy, Prepared, Progress, prepare
from kerasmed.data.records import Array
from kerasmed.spec import CLASS_TASKS
from kerasmed.workflows.places import Places

MAX_NOTES = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """Everything a run needs of its data.

    Attributes:
        dataset: Its rules.
        prepared: Its examples.
        splits: Which example serves what.
        facts: How it was split and what the leakage guard counted (JSON values).
    """

    dataset: Dataset
    prepared: Prepared
    splits: Splits
    facts: dict[str, Any]


def open_dataset(config: DatasetConfig, places: Places) -> Dataset:
    """The dataset that `config` describes, from the data root."""
    dataset: Dataset = build(config, places.data)
    return dataset


def prepare_dataset(
    config: DatasetConfig, places: Places, progress: Progress | None = None
) -> tuple[Dataset, Prepared]:
    """The dataset and its prepared set, made now if the cache does not hold it; its notes say what was left out."""
    dataset = open_dataset(config, places)
    policy = BadRecordPolicy(skip=config.bad_records == "skip", max_rate=config.max_bad_rate)
    prepared = prepare(dataset, places.cache, policy, progress)
    left_out = len(prepared.quarantine)
    if left_out:
        counted = f"left out, since they cannot be used: {left_out} of {len(dataset.records)} records ({QUARANTINE})"
        dataset = replace(dataset, notes=(*dataset.notes, counted))
    dataset = replace(dataset, notes=(*dataset.notes, *_converted(prepared)))
    return dataset, prepared


def _converted(prepared: Prepared) -> list[str]:
    """What was done to examples as they were read, where their index says it, with how many it was done to."""
    notes = prepared.index.get("notes", np.zeros(0, np.str_))
    counts = Counter(note for text in notes.tolist() if text for note in text.split("; "))
    listed = [f"{count} of {len(prepared)} examples: {note}" for note, count in counts.most_common(MAX_NOTES)]
    rest = len(counts) - len(listed)
    return [*listed, f"and {rest} other kinds of conversion"] if rest else listed


def gather_material(config: DatasetConfig, seed: int, places: Places, progress: Progress | None = None) -> Material:
    """The prepared set of `config`, split and guarded.

    Raises:
        DataError: The data cannot be used.
        LeakageError: Two splits share an example, a patient or a content.
    """
    dataset, prepared = prepare_dataset(config, places, progress)
    splits = dataset.split(prepared.index, seed)
    unused = len(prepared) - len(np.unique(np.concatenate([splits.train, splits.validation, splits.test])))
    if unused:
        dataset = replace(dataset, notes=(*dataset.notes, f"examples that are in no part of the split: {unused}"))
    if config.label_rate is not None:
        train = share_of_patients(prepared.index, splits.train, prepared.spec.targets, config.label_rate, seed)
        splits = replace(splits, train=train)
        log.info("dataset.label_rate: %d training examples are left", len(train))
    return Material(dataset, prepared, splits, describe_splits(dataset, prepared, splits))


def describe_splits(dataset: Dataset, prepared: Prepared, splits: Splits) -> dict[str, Any]:
    """What split.json says, after the leakage guard has let the splits pass."""
    shared = check_splits(prepared.index, splits, dataset.protocol)
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    described = {name: _describe(prepared, rows) for name, rows in parts.items()}
    return {
        "protocol": dataset.protocol.name,
        "judged_on": dataset.protocol.judged_on,
        "digest": files.digest({name: part["digest"] for name, part in described.items()}),
        "leakage": shared.to_json(),
        "notes": list(dataset.notes),
        **described,
    }


def _describe(prepared: Prepared, rows: Array) -> dict[str, Any]:
    index = prepared.index
    counts = {
        name: _class_counts(np.asarray(index[name][rows]), target.classes)
        for name, target in prepared.spec.targets.items()
        if target.task in CLASS_TASKS
    }
    return {
        "examples": len(rows),
        "records": sorted(set(index["record"][rows].tolist())),
        "patients": len(set(index["patient"][rows].tolist())),
        "classes": counts,
        "digest": files.digest(index["id"][rows].tolist()),
    }


def _class_counts(targets: Array, classes: tuple[str, ...]) -> dict[str, int]:
    counts = targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))
