"""A made-up recording to prove a serving graph on, and what training's own code makes of it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasmed.config.dataset import BeatExamples, ImageExamples, RecordExamples
from kerasmed.data.examples import beats_of
from kerasmed.data.image_examples import pixels_of
from kerasmed.data.quality import LIMB_LEADS
from kerasmed.data.record_examples import record_example
from kerasmed.data.records import Array, ImageRecord, SignalRecord
from kerasmed.export import parity
from kerasmed.export.raw import describe as names
from kerasmed.spec import ExampleSpec, SignalContract

SEED = 20_240_917
DURATION_S = 60.0
# Waves of a beat: seconds from the R peak, width in seconds, height in mV; of a usual beat and of an early wide one.
USUAL = ((-0.16, 0.020, 0.12), (-0.03, 0.008, -0.1), (0.0, 0.011, 1.1), (0.03, 0.009, -0.25), (0.28, 0.045, 0.3))
WIDE = ((0.01, 0.045, 2.4), (0.10, 0.040, -0.9), (0.32, 0.060, -0.6))
WIDE_EVERY = 6
WHITE = 4095  # of the picture
GAP_S = (20.0, 20.4)  # missing samples, as files have them
# Of whole records: longer than the model reads, or shorter where it pads; a gap in what it reads.
LONGER, SHORTER, LEAST_RECORD_S = 1.1, 0.8, 8.0
GAP_SHARES = (0.5, 0.52)


def probe_recording(
    contract: SignalContract, rate_hz: float, duration_s: float = DURATION_S, gap_s: tuple[float, float] = GAP_S
) -> tuple[SignalRecord, Array]:
    """Two kinds of beats with noise, wander and a gap, and their R peaks; the same each time."""
    rng = np.random.default_rng(SEED)
    kinds = np.arange(math.ceil(duration_s / 0.6)) % WIDE_EVERY == WIDE_EVERY - 1
    peaks_s = 0.7 + np.cumsum(np.where(kinds, 0.55, 0.85) + rng.normal(0, 0.02, len(kinds)))
    kinds, peaks_s = kinds[peaks_s < duration_s - 0.3], peaks_s[peaks_s < duration_s - 0.3]
    peaks = np.round(peaks_s * rate_hz).astype(np.int64)
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    waves = np.stack([_waves(times_s, peaks[~kinds] / rate_hz, USUAL), _waves(times_s, peaks[kinds] / rate_hz, WIDE)])
    weights = rng.uniform(0.4, 1.0, (len(contract.leads), 2))
    signal_mv = (weights @ waves).T + rng.normal(0, 0.01, (len(times_s), len(contract.leads)))
    signal_mv += 0.2 * np.sin(2 * np.pi * 0.3 * times_s)[:, None]
    _keep_einthoven(signal_mv, contract.leads)
    signal_mv = np.round(signal_mv * 200) / 200
    signal_mv[slice(*(round(edge * rate_hz) for edge in gap_s))] = np.nan
    return SignalRecord("probe", "probe", signal_mv.astype(np.float32), rate_hz, contract.leads), peaks


def probe(spec: ExampleSpec, rate_hz: float | None) -> dict[str, Array]:
    """Inputs of the serving graph."""
    if spec.recipe["kind"] == "beat_rows":
        rows = parity.probe_inputs(spec)["signal"][:, :, 0]
        return {names.ROWS: np.clip(np.abs(rows), 0, 1)}
    if spec.recipe["kind"] == "images":
        return {names.PIXELS: probe_picture(), names.LARGEST: np.array(WHITE, np.int32), names.INVERTED: np.array(True)}
    assert rate_hz is not None, "refusal() asks for it"
    assert spec.contract is not None, "the specs of recordings have a contract"
    if spec.recipe["kind"] == "records":
        record = probe_record(spec.contract, rate_hz, RecordExamples.model_validate(spec.settings))
        return {names.SIGNAL: record.signal_mv, names.RATE: np.array(rate_hz, np.float32)}
    record, peaks = probe_recording(spec.contract, rate_hz)
    return {names.SIGNAL: record.signal_mv, names.PEAKS: peaks, names.RATE: np.array(rate_hz, np.float32)}


def expected_scores(model: Any, spec: ExampleSpec, inputs: Mapping[str, Array]) -> Array:
    """float32 (num_beats, num_classes): what `model` says of the inputs as `data/` prepares them; NaN where nothing.

    Args:
        model: From physical inputs to scores, on any backend.
        spec: What it reads.
        inputs: From `probe`.
    """
    (name,) = spec.targets
    if spec.recipe["kind"] == "beat_rows":
        return parity.answers_of(model, {"signal": inputs[names.ROWS][:, :, None]})[name]
    if spec.recipe["kind"] == "images":
        image = pixels_of([_as_read(inputs[names.PIXELS])], ImageExamples.model_validate(spec.settings))
        scale = np.float32(spec.inputs["image"].scale)
        return parity.answers_of(model, {"image": image.astype(np.float32) * scale})[name]
    if spec.recipe["kind"] == "records":
        whole = RecordExamples.model_validate(spec.settings)
        record = SignalRecord("probe", "probe", inputs[names.SIGNAL], float(inputs[names.RATE]), whole.leads)
        stored = record_example(record, whole)["signal"].astype(np.float32)
        return parity.answers_of(model, {"signal": stored * np.float32(spec.inputs["signal"].scale)})[name]
    settings = BeatExamples.model_validate(spec.settings)
    record = SignalRecord("probe", "probe", inputs[names.SIGNAL], float(inputs[names.RATE]), settings.leads)
    arrays, kept = beats_of(record, inputs[names.PEAKS], settings)
    physical = {key: arrays[key].astype(np.float32) * np.float32(array.scale) for key, array in spec.inputs.items()}
    scores = np.full((len(kept), len(spec.target.classes)), np.nan, np.float32)
    scores[kept] = parity.answers_of(model, physical)[name]
    return scores


def probe_record(contract: SignalContract, rate_hz: float, settings: RecordExamples) -> SignalRecord:
    """`probe_recording` of a length that the model cuts, or pads where it can."""
    duration_s = max(LONGER * settings.duration_s, LEAST_RECORD_S)
    if settings.shorter == "pad" and SHORTER * settings.duration_s > contract.shortest_s:
        duration_s = SHORTER * settings.duration_s
    first, last = (share * duration_s for share in GAP_SHARES)
    return probe_recording(contract, rate_hz, duration_s, (first, last))[0]


def probe_picture() -> Array:
    """int32 (height, width): bones of a kind in 12 bits, the densest darkest, as MONOCHROME1 has it."""
    rng = np.random.default_rng(SEED)
    down, across = np.mgrid[0:1:317j, 0:1:251j]
    shade = 0.25 + 0.4 * np.exp(-(((across - 0.5) / 0.12) ** 2)) + 0.15 * np.sin(9 * down) * np.cos(7 * across)
    values = np.round(WHITE * np.clip(shade + rng.normal(0, 0.01, shade.shape), 0, 1))
    return (WHITE - values).astype(np.int32)


def _as_read(pixels: Array) -> ImageRecord:
    """The probe as the reader of DICOM files gives it: turned over, over the whole range of 16 bits."""
    values = np.rint((WHITE - pixels).astype(np.float32) * np.float32(65535 / WHITE)).astype(np.uint16)
    return ImageRecord("probe", values, 16, "MONOCHROME1", 12, values.shape[::-1])


def _waves(times_s: Array, peaks_s: Array, shape: tuple[tuple[float, float, float], ...]) -> Array:
    """float64 (num_samples,)."""
    total = np.zeros(len(times_s))
    for peak_s in peaks_s:
        near = slice(*np.searchsorted(times_s, (peak_s - 0.5, peak_s + 0.6)))
        for at_s, width_s, height in shape:
            total[near] += height * np.exp(-0.5 * ((times_s[near] - peak_s - at_s) / width_s) ** 2)
    return total


def _keep_einthoven(signal_mv: Array, leads: tuple[str, ...]) -> None:
    """Make limb leads what I and II say, in place."""
    upper = [lead.upper() for lead in leads]
    if "I" in upper and "II" in upper:
        first, second = signal_mv[:, upper.index("I")], signal_mv[:, upper.index("II")]
        for name, (of_first, of_second) in LIMB_LEADS.items():
            if name in upper:
                signal_mv[:, upper.index(name)] = of_first * first + of_second * second
