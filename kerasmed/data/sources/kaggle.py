"""Kaggle's heartbeat files (Kachuee et al., arXiv:1805.00794): beats of MIT-BIH, without their records or patients."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import KaggleBeats
from kerasmed.data.dataset import Dataset, Index, Protocol
from kerasmed.data.examples import UNIT_STEP
from kerasmed.data.labels import CLASSES, VARIANT
from kerasmed.data.protocols import PUBLISHED_INTRA, SAME_PATIENTS, SET_DS1, SET_DS2, SET_PACED
from kerasmed.data.readers.beat_csv import NUM_SAMPLES, read_beat_csv
from kerasmed.data.records import Examples, RecordRef
from kerasmed.data.splits import split_files
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

TRAIN, TEST = "mitbih_train", "mitbih_test"
PATIENT = "unknown"
RATE_HZ = 125.0
# Rows of the published files. They are beats of all 48 records; 48 of those are in neither file.
PUBLISHED_ROWS = {TRAIN: 87554, TEST: 21892}

log = logging.getLogger(__name__)


def build_kaggle_beats(config: KaggleBeats, data_root: Path) -> Dataset:
    """mitbih_train.csv to train on and to choose the epoch, mitbih_test.csv to judge.

    Raises:
        DataError: A file is missing.
    """
    folder = data_root / config.folder
    missing = [f"{name}.csv" for name in (TRAIN, TEST) if not (folder / f"{name}.csv").is_file()]
    if missing:
        raise DataError(
            str(folder),
            f"{' and '.join(missing)} missing.",
            "They are in the data set shayanfazeli/heartbeat of kaggle.com; put both there.",
        )
    return Dataset(
        name="kaggle_heartbeat",
        spec=kaggle_spec(),
        records=tuple(RecordRef(name, PATIENT, (folder / f"{name}.csv",)) for name in (TRAIN, TEST)),
        make_examples=read_rows,
        split=partial(split_files, train=TRAIN, test=TEST, validation_rate=config.validation_rate),
        protocol=Protocol(
            name="kaggle_heartbeat",
            describe="Train on mitbih_train.csv, part of which chooses the epoch; judge on mitbih_test.csv.",
            badges=(SAME_PATIENTS,),
            shares_patients=True,
            published=PUBLISHED_INTRA,
        ),
        recipe={"source": "kaggle", "labels": VARIANT},
        check=check_rows,
        notes=(f"classes: {VARIANT}", "beats begin at the R peak and end in zeros"),
    )


def kaggle_spec() -> ExampleSpec:
    """187 samples at 125 Hz, scaled to 0..1 and padded with zeros."""
    signal = ArraySpec((NUM_SAMPLES, 1), "int16", UNIT_STEP, "1", RATE_HZ, ("MLII",))
    recipe = {"kind": "beat_rows", "rate_hz": RATE_HZ, "scaling": "min_max"}
    return ExampleSpec({"signal": signal}, {"label": TargetSpec("single_label", CLASSES)}, recipe)


def read_rows(ref: RecordRef) -> Examples:
    """The examples of one file; the number in an id is that of the line.

    Raises:
        DataError: Names every line that is no beat.
    """
    rows, labels = read_beat_csv(ref.files[0], len(CLASSES))
    steps = np.rint(rows / np.float32(UNIT_STEP)).astype(np.int16)
    index = {
        "id": np.array([f"{ref.record_id}:{line}" for line in range(1, len(rows) + 1)]),
        "record": np.full(len(rows), ref.record_id),
        "patient": np.full(len(rows), ref.patient),
    }
    return Examples({"signal": steps[:, :, None], "label": labels}, index)


def check_rows(index: Index, dropped: Mapping[str, int]) -> None:
    """Where both files have as many rows as the published ones, hold their classes against those of the database.

    Raises:
        DataError: A class has more beats than the 48 records of MIT-BIH.
    """
    del dropped
    num_rows = {name: int((index["record"] == name).sum()) for name in PUBLISHED_ROWS}
    if num_rows != PUBLISHED_ROWS:
        log.warning("not the published files, which have %s rows: %s", PUBLISHED_ROWS, num_rows)
        return
    annotated = np.sum([part.counts for part in (SET_DS1, SET_DS2, SET_PACED)], axis=0)
    found = np.bincount(index["label"], minlength=len(CLASSES))
    if (found > annotated).any():
        listed = ", ".join(f"{CLASSES[c]} {found[c]} of {annotated[c]}" for c in np.flatnonzero(found > annotated))
        raise DataError("Kaggle heartbeat", f"has more beats of a class than MIT-BIH: {listed}.", "Download it again.")
