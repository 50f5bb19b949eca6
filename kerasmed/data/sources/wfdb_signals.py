"""Windows of WFDB records without any label, for a pretraining."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import WfdbSignals
from kerasmed.data.dataset import Dataset, Index, Protocol, Splits
from kerasmed.data.quality import check_signal
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.data.resampling import resample_around
from kerasmed.data.sources.wfdb_beats import list_records, record_of
from kerasmed.data.splits import deal_groups
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, SignalContract

STEP_MV = 1e-3
LARGEST_STEP = 32767


def build_wfdb_signals(config: WfdbSignals, data_root: Path) -> Dataset:
    """The records of a folder: those its RECORDS file lists, or every .hea in it.

    The patient is what a header comment `# patient: NAME` says; a record without one is a patient of its own.

    Raises:
        DataError: The folder or its records are missing.
    """
    folder = data_root / config.folder
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Set --data-dir to the folder that holds it.")
    return Dataset(
        name=folder.name,
        spec=signals_spec(config),
        records=tuple(record_of(folder, name) for name in list_records(folder)),
        make_examples=partial(read_windows, config=config),
        split=partial(_split, validation_rate=config.validation_rate),
        protocol=Protocol(
            name="wfdb_signals",
            describe="Whole patients to train and validation; nothing is asked of an example.",
            judged_on="validation",
        ),
        recipe={"source": "wfdb_signals"},
    )


def signals_spec(config: WfdbSignals) -> ExampleSpec:
    """Windows in steps of 1 uV; no target."""
    shape = (round(config.window_s * config.rate_hz), len(config.leads))
    signal = ArraySpec(shape, "int16", STEP_MV, "mV", config.rate_hz, config.leads)
    recipe = {"kind": "windows", "window_s": config.window_s}
    contract = SignalContract(config.leads, shortest_s=config.window_s)
    return ExampleSpec({"signal": signal}, {}, recipe, contract)


def read_windows(ref: RecordRef, config: WfdbSignals) -> Examples:
    """Cut a record into windows, one behind the other, at the rate of the settings.

    Returns:
        "signal", int16 (k, samples, leads); the index columns id ("100:3", the fourth window of record 100), record and
        patient. Windows with missing samples are left out and counted.

    Raises:
        DataError: The record cannot be used, or is not what it claims to be.
    """
    spec = signals_spec(config)
    record = replace(read_record(ref.files[0], config.leads), patient=ref.patient, leads=config.leads)
    assert spec.contract is not None
    check_signal(record, spec.contract)
    length = config.window_s * record.rate_hz
    starts = np.arange(int(len(record.signal_mv) // length)) * length
    whole = np.array([_is_whole(record.signal_mv, start, length) for start in starts], dtype=bool)
    kept = np.flatnonzero(whole)
    size = spec.inputs["signal"].shape[0]
    assert size is not None
    before = size // 2
    centres = np.rint(starts[kept] + before * record.rate_hz / config.rate_hz).astype(np.int64)
    windows = resample_around(
        np.nan_to_num(record.signal_mv), centres, record.rate_hz, config.rate_hz, before, size - before
    )
    steps = np.clip(np.rint(windows / np.float32(STEP_MV)), -LARGEST_STEP, LARGEST_STEP).astype(np.int16)
    index = {
        "id": np.array([f"{ref.record_id}:{number}" for number in kept], dtype=np.str_),
        "record": np.full(len(kept), ref.record_id),
        "patient": np.full(len(kept), ref.patient),
    }
    missing = len(starts) - len(kept)
    return Examples({"signal": steps}, index, {"windows with missing samples": missing} if missing else {})


def _is_whole(signal_mv: Array, start: float, length: float) -> bool:
    return bool(np.isfinite(signal_mv[int(start) : int(start + length)]).all())


def _split(index: Index, seed: int, *, validation_rate: float) -> Splits:
    shares = (1 - validation_rate, validation_rate)
    part_of = deal_groups(index["patient"], np.zeros(len(index["patient"]), np.int64), shares, seed)
    train, validation = (np.flatnonzero(part_of == part) for part in range(2))
    return Splits(train, validation, validation)
