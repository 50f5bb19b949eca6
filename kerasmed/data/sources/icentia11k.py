"""Icentia11k (Tan et al., arXiv:1910.09570): one lead of 11,000 people over up to two weeks, in segments of 70 minutes.

Neighbouring minutes of one person are much alike, so a few windows are drawn from a few segments of each patient, by a
seed of the dataset; the split is by patient. A segment is read whole, 2 MB, so that its checksum is verified, and given
up before the next: memory does not grow with the number of segments.

Marks are those of technicians on top of an algorithm. Beats: N, S (and a, which does not occur), V, and Q where nobody
decided, a quarter of all. Rhythms: "(N", "(AFIB" and "(AFL" begin a stretch, ")" ends it, and "None" says nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import Icentia11k, Icentia11kBeats, Icentia11kRhythm
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.examples import beat_contract, beat_spec
from kerasmed.data.labels import CLASSES as AAMI
from kerasmed.data.quality import faults_of, measure_signal
from kerasmed.data.readers.wfdb import read_annotations, read_record
from kerasmed.data.record_examples import examples_of_record, num_samples, record_contract, record_spec
from kerasmed.data.records import Annotations, Examples, RecordRef, SignalRecord
from kerasmed.data.sources.wfdb_beats import cut_beats
from kerasmed.data.splits import split_by_patient
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec, SignalContract, TargetSpec

RATE_HZ = 250.0
BEATS = ("N", "S", "V", "Q")
RHYTHMS = ("NSR", "AFIB", "AFL")
RHYTHM_OF = {"(N": 0, "(AFIB": 1, "(AFL": 2}
SEGMENT = re.compile(r"(p\d{5})_s\d{2}")
# Of the whole database.
NUM_PATIENTS, NUM_SEGMENTS = 11_000, 541_794
NOT_SOUND = "windows that are no sound recording ({})"
NO_MARKS = Annotations(np.zeros(0, np.int64), np.zeros(0, np.str_), np.zeros(0, np.str_))
SOURCE = "Icentia11k (CC BY-NC-SA 4.0: not for commercial use)"


@dataclass(frozen=True)
class Found:
    """What lies in the folder.

    Attributes:
        records: The segments that were drawn, by patient.
        num_patients: Patients that have a whole segment.
        num_segments: Whole segments.
        num_broken: Segments of which a file is missing.
    """

    records: tuple[RecordRef, ...]
    num_patients: int
    num_segments: int
    num_broken: int


def build_icentia11k_beats(config: Icentia11kBeats, data_root: Path) -> Dataset:
    """Beats of stretches that were drawn; N, S, V and Q.

    Raises:
        DataError: The folder is missing or has no segment.
    """
    spec = beat_spec(config.examples, BEATS, RATE_HZ)
    return _dataset(config, data_root, spec, partial(read_stretches, config=config), ("N", "S", "V"))


def build_icentia11k_rhythm(config: Icentia11kRhythm, data_root: Path) -> Dataset:
    """Windows that were drawn of each rhythm: sinus rhythm, atrial fibrillation, atrial flutter.

    Raises:
        DataError: The folder is missing or has no segment.
    """
    spec = record_spec(config.examples, TargetSpec("single_label", RHYTHMS), RATE_HZ)
    return _dataset(config, data_root, spec, partial(read_rhythm_windows, config=config))


def _dataset(
    config: Icentia11k,
    data_root: Path,
    spec: ExampleSpec,
    make_examples: Callable[[RecordRef], Examples],
    macro_classes: tuple[str, ...] = (),
) -> Dataset:
    found = find_segments(data_root / config.folder, config.segments_per_patient, config.draw_seed)
    draw = {name: getattr(config, name, None) for name in ("windows_per_segment", "draw_seed", "window_s")}
    return Dataset(
        name=config.kind,
        spec=spec,
        records=found.records,
        make_examples=make_examples,
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            name=config.kind,
            describe="Patients are dealt to train, validation and test; the database has no split of its own.",
            macro_classes=macro_classes,
        ),
        recipe={"source": "icentia11k", "kind": config.kind, **draw},
        notes=_notes(config, found),
    )


def _notes(config: Icentia11k, found: Found) -> tuple[str, ...]:
    notes = [
        SOURCE,
        f"{len(found.records):,} of {found.num_segments:,} segments of {found.num_patients:,} patients were drawn, "
        f"at most {config.windows_per_segment} windows of each (of each rhythm, where rhythm is asked for)",
    ]
    if (found.num_patients, found.num_segments) != (NUM_PATIENTS, NUM_SEGMENTS):
        notes.append(f"the whole database has {NUM_SEGMENTS:,} segments of {NUM_PATIENTS:,} patients")
    if found.num_broken:
        notes.append(f"{found.num_broken} segments lack a file (.hea, .dat or .atr) and were passed over")
    return tuple(notes)


def find_segments(folder: Path, per_patient: int, seed: int) -> Found:
    """Draw whole segments of each patient from the tree p00/p00000/p00000_s00.hea.

    Raises:
        DataError: The folder is missing or has no whole segment.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Fetch it: kerasmed data download icentia11k.")
    records: list[RecordRef] = []
    num_patients = num_segments = num_broken = 0
    for patient in sorted(folder.glob("p[0-9][0-9]/p[0-9][0-9][0-9][0-9][0-9]")):
        names = {path.name for path in patient.iterdir()}
        headers = sorted(name[:-4] for name in names if name.endswith(".hea") and SEGMENT.fullmatch(name[:-4]))
        whole = [name for name in headers if {f"{name}.dat", f"{name}.atr"} <= names and name.startswith(patient.name)]
        num_broken += len(headers) - len(whole)
        num_segments += len(whole)
        num_patients += bool(whole)
        drawn = np.sort(_rng(seed, patient.name).permutation(len(whole))[:per_patient])
        for name in (whole[place] for place in drawn):
            files = tuple(patient / f"{name}.{suffix}" for suffix in ("hea", "dat", "atr"))
            records.append(RecordRef(name, patient.name, files))
    if not records:
        raise DataError(str(folder), "has no segment (p00/p00000/p00000_s00.hea, .dat and .atr).")
    return Found(tuple(records), num_patients, num_segments, num_broken)


def read_stretches(ref: RecordRef, config: Icentia11kBeats) -> Examples:
    """Beats of the stretches drawn from one segment, cut and described as if each stretch were a record.

    Returns:
        As `wfdb_beats.read_beats`, with "label" the position in `BEATS`.

    Raises:
        DataError: The segment cannot be read.
    """
    record, marks = _read(ref, config.examples.leads)
    length = round(config.window_s * record.rate_hz)
    slots = np.arange(len(record.signal_mv) // length) * length
    starts = np.sort(_rng(config.draw_seed, ref.record_id).permutation(slots)[: config.windows_per_segment])
    contract, dropped = beat_contract(config.examples), Counter[str]()
    silence = replace(record, signal_mv=np.zeros((length, len(record.leads)), np.float32))
    parts = [cut_beats(silence, NO_MARKS, config.examples)]  # so that a segment without a beat has its columns
    for start in starts.tolist():
        stretch = _cut(record, start, length)
        fault = _fault_of(stretch, contract)
        if fault:
            dropped[NOT_SOUND.format(fault)] += 1
            continue
        inside = (marks.samples >= start) & (marks.samples < start + length)
        moved = Annotations(marks.samples[inside] - start, marks.symbols[inside], marks.notes[inside])
        parts.append(_four_classes(cut_beats(stretch, moved, config.examples)))
    return _joined(ref, parts, dropped)


def _four_classes(examples: Examples) -> Examples:
    """With classes N, S, V and Q; a fusion beat, which Icentia11k does not have, is left out."""
    rows = np.flatnonzero(examples.arrays["label"] != AAMI.index("F"))
    place = np.array([BEATS.index(name) if name in BEATS else -1 for name in AAMI], np.int8)
    arrays = {name: values[rows] for name, values in examples.arrays.items()}
    arrays["label"] = place[arrays["label"]]
    index = {name: values[rows] for name, values in examples.index.items()}
    content = None if examples.content is None else examples.content[rows]
    return replace(examples, arrays=arrays, index=index, content=content)


def read_rhythm_windows(ref: RecordRef, config: Icentia11kRhythm) -> Examples:
    """Windows of one segment that lie within one rhythm; a stretch that nobody named gives none.

    Raises:
        DataError: The segment cannot be read.
    """
    record, marks = _read(ref, config.examples.leads)
    length = round(config.examples.duration_s * record.rate_hz)
    contract, dropped = record_contract(config.examples), Counter[str]()
    parts = [_no_windows(config)]
    rng = _rng(config.draw_seed, ref.record_id)
    slots: list[list[int]] = [[] for _ in RHYTHMS]
    for begin, stop, rhythm in rhythm_stretches(marks, len(record.signal_mv)):
        slots[rhythm] += range(begin, stop - length + 1, length)
    for rhythm, starts in enumerate(slots):
        for start in sorted(rng.permutation(np.array(starts, np.int64))[: config.windows_per_segment].tolist()):
            window = _cut(record, start, length)
            fault = _fault_of(window, contract)
            if fault:
                dropped[NOT_SOUND.format(fault)] += 1
            else:
                parts.append(examples_of_record(window, config.examples, rhythm))
    return _joined(ref, parts, dropped)


def _no_windows(config: Icentia11kRhythm) -> Examples:
    signal = np.zeros((0, num_samples(config.examples), len(config.examples.leads)), np.int16)
    index = {name: np.zeros(0, np.str_) for name in ("id", "record", "patient", "notes")}
    return Examples({"signal": signal, "label": np.zeros(0, np.int8)}, index)


def _fault_of(window: SignalRecord, contract: SignalContract) -> str:
    """Name of the first fault of a window; "" where it is sound."""
    return next((fault.name for fault in faults_of(measure_signal(window), contract, window.rate_hz)), "")


def rhythm_stretches(marks: Annotations, end: int) -> Iterator[tuple[int, int, int]]:
    """First sample, end and position in `RHYTHMS` of each stretch of a known rhythm.

    A stretch ends where the next one begins, at ")", or with the segment.
    """
    begin, rhythm = 0, -1
    for sample, note in zip(marks.samples.tolist(), marks.notes.tolist(), strict=True):
        if not note.startswith(("(", ")")):
            continue
        if rhythm >= 0:
            yield begin, sample, rhythm
        begin, rhythm = sample, RHYTHM_OF.get(note, -1)
    if rhythm >= 0:
        yield begin, end, rhythm


def _read(ref: RecordRef, leads: tuple[str, ...]) -> tuple[SignalRecord, Annotations]:
    record = replace(read_record(ref.files[0], leads), record_id=ref.record_id, patient=ref.patient, leads=leads)
    return record, read_annotations(ref.files[2], len(record.signal_mv))


def _cut(record: SignalRecord, start: int, length: int) -> SignalRecord:
    signal_mv = record.signal_mv[start : start + length]
    return replace(record, record_id=f"{record.record_id}@{start}", signal_mv=signal_mv)


def _joined(ref: RecordRef, parts: list[Examples], dropped: Counter[str]) -> Examples:
    """The examples of one segment, which is their record, whichever window they are of."""
    for part in parts:
        dropped.update(part.dropped)
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    index = {name: np.concatenate([part.index[name] for part in parts]) for name in parts[0].index}
    index["record"] = np.full(len(index["id"]), ref.record_id)
    contents = [part.content for part in parts if part.content is not None]
    return Examples(arrays, index, dict(dropped), np.concatenate(contents) if contents else None)


def _rng(seed: int, name: str) -> np.random.Generator:
    """Draws for one name, whatever else is drawn before."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])
