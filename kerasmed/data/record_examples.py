"""Whole records as a model sees them: training and prediction make them here, and nowhere else.

Labels never enter, and neither does the length of a record, but where it is shorter than asked for and padded.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasmed.config.dataset import RecordExamples
from kerasmed.data.quality import measures_by_lead, require_signal
from kerasmed.data.readers.wfdb_header import find_leads
from kerasmed.data.records import Array, Examples, SignalRecord
from kerasmed.data.resampling import resample_window
from kerasmed.data.storing import STEP, bridge_gaps, to_steps
from kerasmed.spec import ArraySpec, ExampleSpec, SignalContract, TargetSpec

KIND = "records"
# Where shorter records are padded: less is no rhythm, and hardly an ECG.
LEAST_S = 5.0


def record_spec(settings: RecordExamples, target: TargetSpec, rate_hz: float | None = None) -> ExampleSpec:
    """What `record_example` makes, and what is asked of it.

    Args:
        settings: How examples are made.
        target: Its task and classes.
        rate_hz: Sampling rate of most recordings that a model is trained on; None where it is not known.
    """
    shape = (num_samples(settings), len(settings.leads))
    signal = ArraySpec(shape, "int16", STEP, "mV", settings.rate_hz, settings.leads)
    recipe = {"kind": KIND, **settings.model_dump(mode="json")}
    return ExampleSpec({"signal": signal}, {"label": target}, recipe, record_contract(settings, rate_hz))


def record_contract(settings: RecordExamples, rate_hz: float | None = None) -> SignalContract:
    """What a recording must be like before an example is made of it."""
    shortest_s = settings.duration_s if settings.shorter == "refuse" else min(LEAST_S, settings.duration_s)
    return SignalContract(settings.leads, rate_hz=rate_hz, shortest_s=shortest_s)


def num_samples(settings: RecordExamples) -> int:
    """Length of an example."""
    return max(1, round(settings.duration_s * settings.rate_hz))


def record_example(record: SignalRecord, settings: RecordExamples) -> dict[str, Array]:
    """The input of `record_spec` that a record becomes.

    Args:
        record: A record that has the leads of the settings, in any order, spelling and company.
        settings: Leads, rate and length. Of a longer record the middle is taken, of a shorter one all, with zeros on
            both sides.

    Returns:
        "signal", int16 (1, num_samples, num_leads), steps of `STEP` mV: band-limited to what its rate can hold. Missing
        samples are bridged; what lies beyond the range of int16 is clipped, and the log says so.

    Raises:
        DataError: A lead is not there or misses more than `storing.MAX_MISSING_RATE` of its samples.
    """
    columns = find_leads(record.leads, settings.leads, record.record_id)
    signal_mv = record.signal_mv
    if columns != list(range(signal_mv.shape[1])):
        signal_mv = np.take(signal_mv, columns, axis=1)
    missing = np.isnan(signal_mv)
    if missing.any():
        signal_mv = bridge_gaps(record.record_id, signal_mv, missing, settings.leads)
    count, ratio = num_samples(settings), record.rate_hz / settings.rate_hz
    start = (len(signal_mv) - round(count * ratio)) // 2
    window = resample_window(signal_mv, start, record.rate_hz, settings.rate_hz, count)
    if start < 0:
        places = start + np.arange(count) * ratio
        window[(places < 0) | (places > len(signal_mv) - 1)] = 0
    return {"signal": to_steps(record.record_id, window)[None]}


def examples_of_record(
    record: SignalRecord, settings: RecordExamples, label: Array | int, columns: Mapping[str, Any] | None = None
) -> Examples:
    """The one example of a record, after it was held against the contract.

    Args:
        record: As `record_example` takes it, with its leads those of the settings, in that order.
        settings: How examples are made.
        label: Position of its class, or of several labels int8 (num_classes,) of 0 and 1.
        columns: Further columns of the index, one value each, of types that do not change from record to record.

    Returns:
        The input of `record_spec` with "label", int8; the index has "id" and "record" (the record's id), "patient",
        "notes" (what was converted) and `columns`.

    Raises:
        DataError: It is not what a model of such records reads.
    """
    quality = measures_by_lead(require_signal(record, record_contract(settings)))
    row = {
        "id": record.record_id,
        "record": record.record_id,
        "patient": record.patient,
        "notes": "; ".join(record.notes),
        **(columns or {}),
    }
    arrays = {**record_example(record, settings), "label": np.asarray(label, np.int8)[None]}
    return Examples(arrays, {name: np.array([value]) for name, value in row.items()}, quality=quality)
