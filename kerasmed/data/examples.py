"""Beats: a window around each R peak, and the rhythm around it. Training and prediction cut them here alike.

Labels never enter: what is cut depends on the signal, the R peaks and the settings only.
"""

import math
from collections.abc import Sequence

import numpy as np

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.baseline import remove_baseline
from kerasmed.data.morphology import SHAPE_CHANNELS, parts_of, shape_features, usual_beat, usual_height
from kerasmed.data.records import Array, SignalRecord
from kerasmed.data.resampling import resample_around
from kerasmed.data.rhythm import RR_CHANNELS, rr_features
from kerasmed.data.storing import STEP, bridge_gaps, to_steps
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, SignalContract, TargetSpec

# No small type holds windows scaled to 0..1 exactly. Steps of 1/32767 are 16 times finer than the 11 bits of MIT-BIH's
# converter and float16 near 1, in the same two bytes.
UNIT_STEP = 1 / 32767


def beat_spec(settings: BeatExamples, classes: tuple[str, ...], rate_hz: float | None = None) -> ExampleSpec:
    """What `beats_of` makes, and the class asked of it; `rate_hz` is that of most recordings."""
    before, after = _reach(settings)
    channels = settings.leads if settings.template != "residual" else ()
    if settings.template != "none":
        channels += tuple(f"{lead}_residual" for lead in settings.leads)
    scale, unit = {"none": (STEP, "mV"), "record": (STEP, "QRS height"), "min_max": (UNIT_STEP, "1")}[settings.scaling]
    inputs = {"signal": ArraySpec((before + after, len(channels)), "int16", scale, unit, settings.rate_hz, channels)}
    if settings.rr != "none":
        inputs["rr"] = ArraySpec((len(RR_CHANNELS),), "float32", channels=RR_CHANNELS)
    if settings.shape:
        names = tuple(f"{lead}_{name}" for lead in settings.leads for name in SHAPE_CHANNELS)
        inputs["shape"] = ArraySpec((len(names),), "float32", channels=names)
    recipe = {"kind": "beats", **settings.model_dump(mode="json")}
    return ExampleSpec(inputs, {"label": TargetSpec("single_label", classes)}, recipe, beat_contract(settings, rate_hz))


def beat_contract(settings: BeatExamples, rate_hz: float | None = None) -> SignalContract:
    """What a recording must be like before beats are cut out of it."""
    # Beats that are marked need no more around them; the detector of R peaks asks for more of its own.
    return SignalContract(settings.leads, rate_hz=rate_hz, shortest_s=2.0)


def beats_of(record: SignalRecord, peaks: Array, settings: BeatExamples) -> tuple[dict[str, Array], Array]:
    """Cut the beats of a record.

    Args:
        record: A record that has the leads of the settings, in any order and among others.
        peaks: int64 (n,), R peaks of all its beats, ascending, in samples of the record.
        settings: How to cut.

    Returns:
        The inputs of `beat_spec`, without the target, for the k beats that were kept, and the mask of those, bool (n,).
        A beat is kept where its window lies in the record and touches no missing sample. "signal" is int16
        (k, num_samples, channels), its R peak at sample `round(before_s * rate_hz)`; "rr" is float32
        (k, len(RR_CHANNELS)), and beats that are not kept count in the intervals of their neighbours; "shape" is
        float32 (k, num_leads * len(SHAPE_CHANNELS)).

    Raises:
        DataError: A lead is not there or misses more than `MAX_MISSING_RATE` of its samples; the peaks do not ascend.
    """
    if np.any(np.diff(peaks) < 0):
        raise DataError(record.record_id, "R peaks are not in the order of time.", "Sort the annotations.")
    signal_mv = record.signal_mv[:, _columns(record, settings.leads)]
    beats, kept = cut_windows(record.record_id, signal_mv, record.rate_hz, peaks, settings)
    arrays = compare_with_usual(record.record_id, beats, settings)
    if settings.rr != "none":
        arrays["rr"] = rr_features(peaks, record.rate_hz, so_far=settings.rr == "so_far")[kept]
    return arrays, kept


def compare_with_usual(name: str, beats: Array, settings: BeatExamples) -> dict[str, Array]:
    """The arrays "signal" and, where asked for, "shape" of one record's windows, float32 (k, window, num_leads), mV."""
    part = parts_of(*_reach(settings), settings.rate_hz)
    needed = settings.template != "none" or settings.shape or settings.scaling == "record"
    if needed and len(beats):
        usual, height = usual_beat(beats, part), usual_height(beats, part)
    else:
        usual, height = np.zeros(beats.shape[1:], np.float32), np.ones(beats.shape[2], np.float32)
    whole = [beats] if settings.template != "residual" else []
    channels = np.concatenate([*whole, *([beats - usual] if settings.template != "none" else [])], axis=-1)
    if settings.scaling == "record":
        channels = channels / np.tile(height, channels.shape[-1] // len(height))
    arrays = {"signal": min_max_steps(channels) if settings.scaling == "min_max" else to_steps(name, channels)}
    if settings.shape:
        arrays["shape"] = shape_features(beats, usual, height, part)
    return arrays


def cut_windows(
    name: str, signal_mv: Array, rate_hz: float, peaks: Array, settings: BeatExamples
) -> tuple[Array, Array]:
    """The resampled windows of a signal that lie in it and touch no missing sample.

    Args:
        name: Of the record, for messages.
        signal_mv: float32 (num_samples, num_leads).
        rate_hz: Its sampling rate.
        peaks: int64 (n,), samples of the signal.
        settings: Reach and rate of the windows.

    Returns:
        float32 (k, window, num_leads), mV, and the mask of the k windows that were kept, bool (n,).
    """
    before, after = _reach(settings)
    first = peaks - math.ceil(before * rate_hz / settings.rate_hz)
    last = peaks + math.ceil((after - 1) * rate_hz / settings.rate_hz)
    missing = np.isnan(signal_mv)
    kept = (first >= 0) & (last < len(signal_mv))
    if missing.any():
        signal_mv = bridge_gaps(name, signal_mv, missing, settings.leads)
        num_missing = np.concatenate([[0], np.cumsum(missing.any(axis=1))])
        kept[kept] = num_missing[first[kept]] == num_missing[last[kept] + 1]
    if settings.remove_baseline:
        signal_mv = remove_baseline(signal_mv, rate_hz)
    return resample_around(signal_mv, peaks[kept], rate_hz, settings.rate_hz, before, after), kept


def min_max_steps(beats: Array) -> Array:
    """int16, `beats` (k, window, channels) scaled to 0..1 by window and channel, in steps of `UNIT_STEP`; flat is 0."""
    low, high = beats.min(axis=1, keepdims=True), beats.max(axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1)
    return np.rint((beats - low) / span / UNIT_STEP).astype(np.int16)


def _reach(settings: BeatExamples) -> tuple[int, int]:
    """Samples ahead of the R peak, and samples from it on."""
    return round(settings.before_s * settings.rate_hz), max(1, round(settings.after_s * settings.rate_hz))


def _columns(record: SignalRecord, leads: Sequence[str]) -> list[int]:
    absent = [lead for lead in leads if lead not in record.leads]
    if absent:
        raise DataError(
            record.record_id,
            f"has no lead {', '.join(absent)}; it has {', '.join(record.leads)}.",
            "Name one of those in dataset.examples.leads.",
        )
    return [record.leads.index(lead) for lead in leads]
