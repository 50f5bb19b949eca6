"""R peaks found without annotations, and signals that have none."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.labels import BEAT_SYMBOLS
from kerasmed.data.readers.wfdb import read_annotations, read_record
from kerasmed.errors import DataError
from kerasmed.inference.detector import detect_peaks
from tests.fakes.beats import RATE_HZ, bumps_mv, regular_peaks

TOLERANCE = 54  # 150 ms at 360 Hz, as EC57 has it
SECONDS = 120


def one_lead(peaks: np.ndarray, seed: int = 0) -> np.ndarray:
    return bumps_mv(int(peaks[-1]) + 400, peaks, seed)[:, 0].astype(np.float32)


def test_every_beat_is_found_to_the_sample() -> None:
    peaks = regular_peaks(20)
    assert np.abs(detect_peaks("r", one_lead(peaks), RATE_HZ) - peaks).max() <= 2


def test_a_lead_upside_down_gives_the_same_peaks() -> None:
    signal_mv = one_lead(regular_peaks(20))
    np.testing.assert_array_equal(detect_peaks("r", -signal_mv, RATE_HZ), detect_peaks("r", signal_mv, RATE_HZ))


@pytest.mark.parametrize("rate_hz", [125, 250, 500, 1000])
def test_the_rate_does_not_matter(rate_hz: int) -> None:
    peaks = regular_peaks(20, every=rate_hz, first=rate_hz)
    times = np.arange(22 * rate_hz)
    signal_mv = np.exp(-(((times[:, None] - peaks) / (0.017 * rate_hz)) ** 2)).sum(axis=1)
    assert np.abs(detect_peaks("r", signal_mv, rate_hz) - peaks).max() <= 0.01 * rate_hz


def test_short_gaps_are_bridged() -> None:
    peaks = regular_peaks(20)
    signal_mv = one_lead(peaks)
    signal_mv[520:540] = np.nan
    assert len(detect_peaks("r", signal_mv, RATE_HZ)) == 20


NOISE = np.random.default_rng(0).normal(0, 0.3, 60 * RATE_HZ)
BAD_SIGNALS = {
    "white noise": NOISE,
    "a random walk": np.cumsum(NOISE) / 10,
    "flat": np.zeros(60 * RATE_HZ),
    "flat with a step": np.repeat([0.0, 1.0], 30 * RATE_HZ),
    "an idle converter": np.round(NOISE) * 0.005,
    "mains": np.sin(2 * np.pi * 50 * np.arange(60 * RATE_HZ) / RATE_HZ),
    "all missing": np.full(60 * RATE_HZ, np.nan),
    "missing for a half": np.where(np.arange(60 * RATE_HZ) % 2, np.nan, NOISE),
    "infinite": np.full(60 * RATE_HZ, np.inf),
    "ten samples": NOISE[:10],
    "two seconds": one_lead(regular_peaks(20))[: 2 * RATE_HZ],
    "empty": NOISE[:0],
}


@pytest.mark.parametrize("kind", BAD_SIGNALS)
def test_a_signal_without_beats_is_refused_by_name(kind: str) -> None:
    with pytest.raises(DataError, match=r"^r: no R peaks: "):
        detect_peaks("r", BAD_SIGNALS[kind].astype(np.float32), RATE_HZ)


@pytest.mark.parametrize("record_id", ["101", "106", "108", "119", "203", "208", "215", "230"])
def test_beats_of_real_records_are_found_ventricular_ones_too(record_id: str, mitdb: Path) -> None:
    record = read_record(mitdb / f"{record_id}.hea", ("MLII",))
    marks = read_annotations(mitdb / f"{record_id}.atr")
    early = marks.samples < SECONDS * RATE_HZ
    annotated = marks.samples[early & np.isin(marks.symbols, BEAT_SYMBOLS)]
    peaks = detect_peaks(record_id, record.signal_mv[: SECONDS * RATE_HZ, 0], record.rate_hz)
    distance = np.abs(annotated[:, None] - peaks)
    assert (distance.min(axis=1) <= TOLERANCE).mean() > 0.95
    assert (distance.min(axis=0) <= TOLERANCE).mean() > 0.94
