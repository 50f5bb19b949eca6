"""Simulated two-lead ECG with annotated beats of all five AAMI classes, as true WFDB records.

The files have the layout of the MIT-BIH Arrhythmia Database (format 212, 200 units per mV around 1024, MIT annotations)
and its traps: several records of one person, leads in another order, marks that are not beats.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.records import Annotations, Array
from kerasmed.data.simulate import ecg_model, ecg_noise, ecg_rhythm
from kerasmed.data.simulate.out_folder import require_own_folder
from kerasmed.errors import ConfigError, MissingPackageError
from kerasmed.files import committed_folder, write_text

_GAIN, _BASELINE, _BITS = 200.0, 1024, 11
_TWO_RECORDS_EVERY = 4  # every 4th person has two records
_SWAPPED_EVERY = 6  # every 6th has V1 stored first
_PACED_EVERY = 2
_SECOND_FOCUS_RATE = 0.2  # share of the ventricular beats
_NOISY_RATE = 0.5  # share of the records with a stretch of noise between two "~"
_OURS = re.compile(r"S\d{3,}\.(hea|dat|atr)|RECORDS")


@dataclass(frozen=True)
class _Person:
    name: str
    age: int
    sex: str
    heart: ecg_rhythm.Heart
    shapes: Array
    leads: tuple[str, ...]  # in the order stored


def simulate_ecg_beats(
    folder: Path, *, num_patients: int = 12, duration_s: float = 300, rate_hz: float = 360, seed: int = 0
) -> list[Path]:
    """Write records of simulated people; every 4th person has two.

    Equal arguments give byte-identical files. A person does not change with `num_patients`.

    Args:
        folder: To be made, or to be replaced where it holds nothing but an earlier simulation.
        num_patients: Number of people.
        duration_s: Length of each record.
        rate_hz: Sampling rate.
        seed: Of everything drawn.

    Returns:
        The header of each record, in the order of `RECORDS`.

    Raises:
        ConfigError: A number is out of range, or the folder holds other files.
        MissingPackageError: wfdb is not installed.
    """
    _check(folder, num_patients, duration_s, rate_hz, seed)
    wfdb = _import_wfdb()
    names: list[str] = []
    with committed_folder(folder) as beside:
        for patient in range(num_patients):
            person = _draw_person(patient, np.random.default_rng([seed, patient]))
            for part in range(2 if patient % _TWO_RECORDS_EVERY == 1 else 1):
                names.append(f"S{len(names) + 1:03d}")
                rng = np.random.default_rng([seed, patient, part + 1])
                signal_mv, marks = _draw_record(person, duration_s, rate_hz, rng)
                _write_record(wfdb, beside, names[-1], person, signal_mv, marks, rate_hz)
        write_text(beside / "RECORDS", "".join(f"{name}\n" for name in names))
    return [folder / f"{name}.hea" for name in names]


def _check(folder: Path, num_patients: int, duration_s: float, rate_hz: float, seed: int) -> None:
    ranges: list[tuple[str, float, float, float]] = [
        ("num_patients", num_patients, 1, 10_000),
        ("duration_s", duration_s, 30, 7_200),
        ("rate_hz", rate_hz, 100, 2_000),
        ("seed", seed, 0, 2**63 - 1),
    ]
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise ConfigError(f"{name}={value}: write a number from {least} to {most}.")
    require_own_folder(folder, _OURS, "records")


def _import_wfdb() -> Any:
    try:
        import wfdb
    except ImportError as error:
        raise MissingPackageError("wfdb", "ecg", "writing WFDB records") from error
    return wfdb


def _draw_person(patient: int, rng: np.random.Generator) -> _Person:
    heart = ecg_rhythm.Heart(
        mean_rr_s=60 / rng.uniform(58, 92),
        std_rr_s=rng.uniform(0.02, 0.05),
        conduction="NLR"[patient % 3],
        paced=patient % _PACED_EVERY == 0,
        burden=float(np.clip(rng.lognormal(0.0, 0.35), 0.4, 2.0)),
    )
    leads = ecg_model.LEADS[::-1] if patient % _SWAPPED_EVERY == _SWAPPED_EVERY - 1 else ecg_model.LEADS
    age, sex = int(rng.integers(24, 90)), "FM"[int(rng.integers(2))]
    return _Person(f"P{patient + 1:03d}", age, sex, heart, ecg_model.draw_shapes(rng), leads)


def _draw_record(
    person: _Person, duration_s: float, rate_hz: float, rng: np.random.Generator
) -> tuple[Array, Annotations]:
    """The signal, (num_samples, leads of `ecg_model`) in mV, and its marks."""
    rhythm = ecg_rhythm.draw_rhythm(person.heart, duration_s, rng)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    breath = 1 + 0.05 * np.sin(2 * np.pi * 0.25 * rhythm.peaks_s)  # R follows the turning of the heart as one breathes
    gains = breath * rng.lognormal(0.0, 0.04, len(breath))
    # A second focus, on the other side of the heart: the same beat, seen from behind.
    gains[(rhythm.symbols == "V") & (rng.random(len(gains)) < _SECOND_FOCUS_RATE)] *= -1
    rows, kinds, gains = ecg_model.split_fused(rhythm.symbols, gains, rng)
    signal_mv = ecg_model.synthesize(person.shapes, rhythm.peaks_s[rows], rhythm.rr_s[rows], kinds, gains, time_s)
    signal_mv += ecg_noise.draw_noise(ecg_noise.draw_levels(rng), time_s, len(ecg_model.LEADS), rng)
    unclear_s = rhythm.peaks_s[rhythm.symbols == "Q"]
    signal_mv = ecg_noise.add_bursts(signal_mv, time_s, unclear_s, 0.35, 0.2, rng)
    noisy_s = _draw_noisy_stretch(duration_s, rng)
    centre_s, half_width_s = noisy_s.mean(axis=1), np.ptp(noisy_s) / 2 if len(noisy_s) else 1.0
    signal_mv = ecg_noise.add_bursts(signal_mv, time_s, centre_s, half_width_s, 0.1, rng)
    return signal_mv, _marks(rhythm, noisy_s, rate_hz)


def _draw_noisy_stretch(duration_s: float, rng: np.random.Generator) -> Array:
    """Start and end in s, (1, 2); (0, 2) where the record has none."""
    start_s, length_s = rng.uniform(2, duration_s - 12), rng.uniform(4, 9)
    return np.array([[start_s, start_s + length_s]]) if rng.random() < _NOISY_RATE else np.zeros((0, 2))


def _marks(rhythm: ecg_rhythm.Rhythm, noisy_s: Array, rate_hz: float) -> Annotations:
    """Beats, "+" ahead of the first beat of a rhythm, "~" where noise begins and ends."""
    paced = rhythm.paced
    changes = np.flatnonzero(np.diff(paced, prepend=not paced[0]))
    times_s = np.concatenate([rhythm.peaks_s, rhythm.peaks_s[changes] - 0.2, noisy_s.ravel()])
    symbols = np.concatenate([rhythm.symbols, np.full(len(changes), "+"), np.full(noisy_s.size, "~")])
    rhythms = np.where(paced[changes], "(P", "(N")
    notes = np.concatenate([np.full(len(paced), ""), rhythms, np.full(noisy_s.size, "")])
    order = np.argsort(times_s, kind="stable")
    return Annotations(np.round(times_s[order] * rate_hz).astype(np.int64), symbols[order], notes[order])


def _write_record(
    wfdb: Any, folder: Path, name: str, person: _Person, signal_mv: Array, marks: Annotations, rate_hz: float
) -> None:
    stored_mv = signal_mv[:, [ecg_model.LEADS.index(lead) for lead in person.leads]]
    stored = np.clip(np.round(stored_mv * _GAIN) + _BASELINE, 0, 2**_BITS - 1).astype(np.int64)
    num_leads = len(person.leads)
    record = wfdb.Record(
        record_name=name,
        n_sig=num_leads,
        fs=rate_hz,
        sig_len=len(stored),
        d_signal=stored,
        file_name=[f"{name}.dat"] * num_leads,
        fmt=["212"] * num_leads,
        adc_gain=[_GAIN] * num_leads,
        baseline=[_BASELINE] * num_leads,
        units=["mV"] * num_leads,
        adc_res=[_BITS] * num_leads,
        adc_zero=[_BASELINE] * num_leads,
        sig_name=list(person.leads),
        comments=[f"patient: {person.name}", f"age: {person.age}", f"sex: {person.sex}"],
    )
    record.set_d_features()  # first value and checksum of each lead
    record.set_defaults()
    record.wrsamp(write_dir=str(folder))
    noisy = np.where(marks.symbols == "~", np.cumsum(marks.symbols == "~") % 2, 0)
    wfdb.wrann(
        name,
        "atr",
        marks.samples,
        symbol=marks.symbols.tolist(),
        subtype=noisy * (2**num_leads - 1),  # of a "~": one bit for each lead that is noisy from here on
        aux_note=[note and f"{note}\0" for note in marks.notes.tolist()],  # ended as in MIT-BIH
        write_dir=str(folder),
    )
