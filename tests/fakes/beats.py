"""True WFDB records of bumps for beats, and SignalRecords of the same, small enough to write in a test."""

from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb import read_adc, read_annotations, read_header
from kerasmed.data.records import SignalRecord
from tests.fakes.wfdb_files import write_adc, write_annotations

RATE_HZ = 360
# Numbers of annotation(5).
CODES = {
    "N": 1, "L": 2, "R": 3, "a": 4, "V": 5, "F": 6, "J": 7, "A": 8, "S": 9, "E": 10, "j": 11, "/": 12, "Q": 13, "~": 14,
    "+": 28, "!": 31, "e": 34, "n": 35, "f": 38,
}  # fmt: skip


def bumps_mv(num_samples: int, peaks: np.ndarray, seed: int = 0) -> np.ndarray:
    """float64 (num_samples, 2): a bump of 1 mV at each peak, noise of 10 uV; the second lead is upside down."""
    times = np.arange(num_samples)
    wave = np.exp(-(((times[:, None] - peaks) / 6.0) ** 2)).sum(axis=1)
    noise = np.random.default_rng(seed).normal(0, 0.01, (num_samples, 2))
    return np.stack([wave, -wave], axis=1) + noise


def regular_peaks(count: int, every: int = 300, first: int = 400) -> np.ndarray:
    return first + every * np.arange(count, dtype=np.int64)


def signal_record(signal_mv: np.ndarray, rate_hz: float = RATE_HZ, leads: tuple[str, ...] = ("MLII",)) -> SignalRecord:
    return SignalRecord("r", "p", np.asarray(signal_mv, np.float32).reshape(-1, len(leads)), float(rate_hz), leads)


def write_beats(
    folder: Path,
    name: str,
    symbols: str,
    patient: str | None = None,
    leads: tuple[str, str] = ("MLII", "V1"),
    annotator: str = "atr",
    seed: int = 0,
) -> np.ndarray:
    """Write `name`.hea, .dat and annotations: a beat for each symbol; returns their samples."""
    folder.mkdir(parents=True, exist_ok=True)
    peaks = regular_peaks(len(symbols))
    steps = np.round(bumps_mv(int(peaks[-1]) + 400, peaks, seed) * 200).astype("<i2")
    lines = [f"{name} 2 {RATE_HZ} {len(steps)}"]
    for lead, column in zip(leads, steps.T, strict=True):
        lines.append(f"{name}.dat 16 200/mV 11 0 {column[0]} {int(column.sum(dtype=np.int64)) % 65536} 0 {lead}")
    if patient is not None:
        lines.append(f"# patient: {patient}")
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.dat").write_bytes(steps.tobytes())
    words = [
        CODES[symbol] << 10 | step for symbol, step in zip(symbols, np.diff(peaks, prepend=0).tolist(), strict=True)
    ]
    (folder / f"{name}.{annotator}").write_bytes(np.array([*words, 0], "<u2").tobytes())
    return peaks


def write_part(whole: Path, folder: Path, name: str, first: int, last: int, patient: str | None = None) -> None:
    """Write samples `first` to `last` of the record at `whole` (.hea), with the marks on them, as record `name`."""
    header, marks = read_header(whole), read_annotations(whole.with_suffix(".atr"))
    gains = [f"{signal.adc_gain:g}({signal.baseline})/{signal.unit}" for signal in header.signals]
    comments = [] if patient is None else [f"patient: {patient}"]
    adc = read_adc(whole)[first:last]
    write_adc(folder, name, adc, header.rate_hz, header.leads, gains=gains, comments=comments)
    inside = (marks.samples >= first) & (marks.samples < last)
    write_annotations(folder, name, marks.samples[inside] - first, marks.symbols[inside])
