"""MIT-BIH Arrhythmia Database, release 1.0.0, by one of the protocols of `protocols.py`.

Only records that the protocol lists are read: what else lies in the folder (x_mitdb, 102-0.atr, 108.at_) is no data.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import MitbihBeats
from kerasmed.data.dataset import Dataset, Index, Protocol, Splits
from kerasmed.data.examples import beat_spec
from kerasmed.data.labels import CLASSES
from kerasmed.data.protocols import (
    NOTES,
    PROTOCOLS,
    SAME_SUBJECT,
    SHARED_PATIENT,
    MitbihProtocol,
    RecordSet,
)
from kerasmed.data.records import Array, RecordRef
from kerasmed.data.sources.wfdb_beats import CUT_OFF, RECIPE, read_beats
from kerasmed.data.splits import split_at_random, split_by_record
from kerasmed.errors import ConfigError, DataError, unknown

EXTENSIONS = ("hea", "dat", "atr")
RATE_HZ = 360.0
# Kachuee et al. judge on a fifth of the beats (21,892 of 109,446).
INTRA_TEST_RATE, INTRA_VALIDATION_RATE = 0.2, 0.1


def build_mitbih_beats(config: MitbihBeats, data_root: Path) -> Dataset:
    """The records of a protocol.

    Raises:
        ConfigError: A validation record is not one of the records to train on; cross_validate with another protocol.
        DataError: Records are missing and `allow_missing` is off, or a split would have none.
    """
    protocol = PROTOCOLS[config.protocol]
    _check_settings(config, protocol)
    folder = data_root / config.folder
    found, missing = _find(folder, protocol)
    if missing and not config.allow_missing:
        raise _missing_error(folder, missing, config)
    stand_ins = dict(protocol.stand_ins or {}) if config.examples.leads == ("MLII",) else {}
    return Dataset(
        name="mitbih",
        spec=beat_spec(config.examples, CLASSES, RATE_HZ),
        records=found,
        make_examples=partial(read_beats, settings=config.examples, stand_ins=stand_ins),
        split=_split(config, protocol, {record.record_id for record in found}),
        protocol=_rules(config, protocol),
        recipe={**RECIPE, "stand_ins": {record: list(leads) for record, leads in stand_ins.items()}},
        check=partial(check_counts, sets=protocol.sets),
        notes=_notes(config, protocol, missing),
    )


def check_counts(index: Index, dropped: Mapping[str, int], sets: tuple[RecordSet, ...]) -> None:
    """Hold the beats of every set of records that is there in full against the counts of the release.

    Args:
        index: Columns "record" and "label".
        dropped: Beats that were cut off, by class, under the reason `CUT_OFF`.
        sets: Disjoint sets with their counts.

    Raises:
        DataError: A class has more beats than were annotated, or fewer by more than were cut off.
    """
    cut_off = np.array([dropped.get(CUT_OFF.format(name), 0) for name in CLASSES])
    present = set(np.unique(index["record"]).tolist())
    complete = [part for part in sets if present.issuperset(part.records)]
    kept = {part.name: _count(index, part.records) for part in complete}
    if len(complete) == len(sets):
        expected = np.sum([part.counts for part in sets], axis=0)
        found = np.sum(list(kept.values()), axis=0) + cut_off
        _refuse_counts(" and ".join(kept), expected, found, found != expected)
    # What was cut off is not known by set, so each set alone is held within bounds.
    for part in complete:
        lost = np.array(part.counts) - kept[part.name]
        _refuse_counts(part.name, np.array(part.counts), kept[part.name], (lost < 0) | (lost > cut_off))


def _count(index: Index, records: tuple[str, ...]) -> Array:
    return np.bincount(index["label"][np.isin(index["record"], records)], minlength=len(CLASSES))


def _refuse_counts(name: str, expected: Array, found: Array, wrong: Array) -> None:
    if wrong.any():
        listed = (
            f"{CLASSES[number]} {found[number]} instead of {expected[number]}" for number in np.flatnonzero(wrong)
        )
        raise DataError(
            f"MIT-BIH {name}",
            f"beats are not those of release 1.0.0: {', '.join(listed)}.",
            "Fetch the files again: kerasmed data download mitbih.",
        )


def _check_settings(config: MitbihBeats, protocol: MitbihProtocol) -> None:
    if config.cross_validate and config.protocol != "ds1":
        raise ConfigError(f"dataset.cross_validate=true needs dataset.protocol=ds1, not {config.protocol}.")
    if not config.validation_records and config.protocol == "ds1" and not config.cross_validate:
        raise ConfigError("dataset.validation_records is empty, but protocol ds1 judges on them; name some.")
    for record in config.validation_records if protocol.train else ():
        if record not in protocol.train:
            raise unknown("DS1 record in dataset.validation_records", record, protocol.train)
    if protocol.train and not set(protocol.train).difference(config.validation_records):
        raise ConfigError("dataset.validation_records holds all of DS1; leave some records to train on.")


def _find(folder: Path, protocol: MitbihProtocol) -> tuple[tuple[RecordRef, ...], tuple[str, ...]]:
    """The records of the protocol that are there with all their files, and the names of the others."""
    found: list[RecordRef] = []
    missing: list[str] = []
    for name in protocol.records:
        files = tuple(folder / f"{name}.{extension}" for extension in EXTENSIONS)
        if all(path.is_file() for path in files):
            found.append(RecordRef(name, SHARED_PATIENT if name in SAME_SUBJECT else name, files))
        else:
            missing.append(name)
    return tuple(found), tuple(missing)


def _missing_error(folder: Path, missing: tuple[str, ...], config: MitbihBeats) -> DataError:
    return DataError(
        str(folder),
        f"{len(missing)} records of protocol {config.protocol} are missing (.hea, .dat or .atr): {', '.join(missing)}.",
        "Fetch them with kerasmed data download mitbih, or go on without: dataset.allow_missing=true.",
    )


def _split(config: MitbihBeats, protocol: MitbihProtocol, found: set[str]) -> Callable[[Index, int], Splits]:
    if not protocol.train:
        return partial(split_at_random, validation_rate=INTRA_VALIDATION_RATE, test_rate=INTRA_TEST_RATE)
    validation = config.validation_records
    train = tuple(name for name in protocol.train if name not in validation)
    test = protocol.test or validation
    for part, names in (("train", train), ("validation", validation), ("test", test)):
        if names and not found.intersection(names):
            raise DataError(
                "MIT-BIH", f"none of the {part} records is there.", "Fetch them: kerasmed data download mitbih."
            )
    return partial(split_by_record, train=train, validation=validation, test=test)


def _rules(config: MitbihBeats, protocol: MitbihProtocol) -> Protocol:
    if not config.cross_validate:
        return protocol.rules
    return replace(
        protocol.rules,
        name="mitbih_ds1_cross_validated",
        describe=f"Leave records of DS1 out in turn, in {config.num_folds} folds; judge on those left out.",
    )


def _notes(config: MitbihBeats, protocol: MitbihProtocol, missing: tuple[str, ...]) -> tuple[str, ...]:
    notes = [*NOTES, *protocol.notes]
    if protocol.train and not config.cross_validate:
        listed = ", ".join(config.validation_records) or "none; the last epoch is kept, and nothing chose it"
        notes.append(f"validation records: {listed}")
    if missing:
        notes.append(
            f"missing records of the protocol ({len(missing)} of {len(protocol.records)}): {', '.join(missing)}"
        )
    return tuple(notes)
