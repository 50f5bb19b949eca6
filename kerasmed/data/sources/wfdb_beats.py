"""Records of WFDB with beat annotations: any folder of them, split by patient."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import BeatExamples, WfdbBeats
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.examples import beat_contract, beat_spec, beats_of
from kerasmed.data.labels import BEAT_SYMBOLS, CLASSES, NO_CLASS, VARIANT, classes_of
from kerasmed.data.quality import measures_by_lead, require_signal
from kerasmed.data.readers.wfdb import read_annotations, read_header, read_record
from kerasmed.data.records import Annotations, Array, Examples, RecordRef, SignalRecord
from kerasmed.data.splits import split_by_patient
from kerasmed.errors import DataError

RECORDS = "RECORDS"
RECORD_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")
PATIENT = re.compile(r"\s*patient:\s*(\S.*?)\s*", re.IGNORECASE)
NOTHING_STORED = "~"
RECIPE = {"source": "wfdb", "labels": VARIANT}
# The stretch to either side of an R peak by which a copy of a record is found, wherever the copy was cut.
CONTENT_REACH_S = 0.1
# Fewer changes from sample to sample are a flat or saturated lead, which is alike in everyone.
FEWEST_CHANGES = 8
# Reasons in `Examples.dropped`, by class and by symbol.
CUT_OFF = "{} beats at an end or a gap"
NOT_CLASSED = "annotations {!r} that are no beat of the five classes"


def build_wfdb_beats(config: WfdbBeats, data_root: Path) -> Dataset:
    """The records of a folder: those its RECORDS file lists, or every .hea in it.

    The patient is what a header comment `# patient: NAME` says; a record without one is a patient of its own.

    Raises:
        DataError: The folder, its records or all annotation files are missing.
    """
    folder = data_root / config.folder
    if not folder.is_dir():
        raise DataError(str(folder), "is not a folder.", "Set --data-dir to the folder that holds it.")
    suffix = f".{config.annotator}"
    records = tuple(record_of(folder, name, suffix) for name in list_records(folder))
    if not any(record.files[-1].is_file() for record in records):
        raise DataError(
            str(folder),
            f"no record has a .{config.annotator} file.",
            "Set dataset.annotator to the extension they have.",
        )
    return Dataset(
        name=folder.name,
        spec=beat_spec(config.examples, CLASSES, usual_rate_hz(records)),
        records=records,
        make_examples=partial(read_beats, settings=config.examples),
        split=partial(split_by_patient, validation_rate=config.validation_rate, test_rate=config.test_rate),
        protocol=Protocol(
            name="wfdb_beats",
            describe="Patients are dealt to train, validation and test, each part with its share of every class.",
            macro_classes=CLASSES[:4],
        ),
        recipe=RECIPE,
        notes=(f"classes: {VARIANT}",),
    )


def usual_rate_hz(records: tuple[RecordRef, ...]) -> float | None:
    """The rate of most records whose header can be read; the lowest of several that are as frequent."""
    rates: Counter[float] = Counter()
    for record in records:
        with suppress(DataError):  # preparing the record says what is wrong with it
            rates[read_header(record.files[0]).rate_hz] += 1
    return max(sorted(rates), key=rates.__getitem__, default=None)


def list_records(folder: Path) -> list[str]:
    """Names of the records in a folder, without ".hea", relative to it; each once.

    Raises:
        DataError: There is none, or RECORDS holds what is no name or leads outside the folder.
    """
    listing = folder / RECORDS
    if not listing.is_file():
        names = sorted(path.stem for path in folder.glob("*.hea"))
    else:
        names = list(dict.fromkeys(listing.read_text(encoding="utf-8-sig", errors="replace").split()))
        strange = [name for name in names if not RECORD_NAME.fullmatch(name)]
        if strange:
            raise DataError(str(listing), f"holds {strange[0][:40]!r}, which is no name of a record.")
    outside = [name for name in names if not (folder / name).resolve().is_relative_to(folder.resolve())]
    if outside:
        raise DataError(str(listing), f"names {outside[0]!r}, which lies outside the folder.")
    if not names:
        raise DataError(str(folder), "holds no record (.hea).", "Check dataset.folder and --data-dir.")
    return names


def read_beats(
    ref: RecordRef, settings: BeatExamples, stand_ins: Mapping[str, tuple[str, ...]] | None = None
) -> Examples:
    """Read one record and cut its annotated beats.

    Args:
        ref: Its files are the header first, the annotations last.
        settings: How to cut.
        stand_ins: Leads to read instead of those of the settings, by record.

    Returns:
        The arrays of `beat_spec` with "label" (int8, position in `CLASSES`); the index columns id ("100:77", the 78th
        beat annotated in record 100), record, patient, sample (int64, the R peak) and symbol.

    Raises:
        DataError: The record cannot be used, or is not what a model of beats reads.
    """
    record = read_record(ref.files[0], (stand_ins or {}).get(ref.record_id, settings.leads))
    record = replace(record, record_id=ref.record_id, patient=ref.patient, leads=settings.leads)
    quality = measures_by_lead(require_signal(record, beat_contract(settings)))
    marks = read_annotations(ref.files[-1], len(record.signal_mv))
    return replace(cut_beats(record, marks, settings), quality=quality)


def cut_beats(record: SignalRecord, marks: Annotations, settings: BeatExamples) -> Examples:
    """The beats that `marks` show in `record`, as `read_beats` gives them."""
    labels = classes_of(marks.symbols)
    beats = np.isin(marks.symbols, BEAT_SYMBOLS)
    arrays, kept = beats_of(record, marks.samples[beats], settings)
    rows = np.flatnonzero(labels[beats][kept] != NO_CLASS)
    numbers = np.flatnonzero(kept)[rows]
    places = np.flatnonzero(beats)[numbers]
    index = {
        "id": np.array([f"{record.record_id}:{number}" for number in numbers], dtype=np.str_),
        "record": np.full(len(numbers), record.record_id),
        "patient": np.full(len(numbers), record.patient),
        "sample": marks.samples[places],
        "symbol": marks.symbols[places],
    }
    arrays = {name: values[rows] for name, values in arrays.items()} | {"label": labels[places]}
    content = _content(record, marks.samples[places])
    return Examples(arrays, index, _dropped(marks.symbols, labels, places), content)


def _content(record: SignalRecord, samples: Array) -> Array:
    """uint64 (n,): digests of the signal as it was read, without filter or template, around each of `samples`."""
    reach = round(CONTENT_REACH_S * record.rate_hz)
    around = samples[:, None] + np.arange(-reach, reach + 1)
    bits = record.signal_mv.take(around, axis=0, mode="clip").view(np.uint32).astype(np.uint64)
    rows = bits.reshape(len(bits), bits.shape[1] * bits.shape[2])
    # One product of the bits with fixed random numbers: equal windows give equal digests, and two others the same one
    # with a chance of about 2 ** -63.
    factors = np.random.default_rng(0).integers(1, 2**63, rows.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    digests = rows @ factors
    num_changes = np.count_nonzero(np.diff(bits, axis=1), axis=1).max(axis=-1)
    flat = np.flatnonzero(num_changes < min(FEWEST_CHANGES, reach))
    digests[flat] = [_digest(f"{record.record_id}:{sample}".encode()) for sample in samples[flat].tolist()]
    return digests


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _dropped(symbols: Array, labels: Array, places: Array) -> dict[str, int]:
    """Why every annotation that is not at one of `places` is not among the examples."""
    left_out = np.delete(np.arange(len(symbols)), places)
    return dict(
        Counter(
            NOT_CLASSED.format(str(symbols[place]))
            if labels[place] == NO_CLASS
            else CUT_OFF.format(CLASSES[labels[place]])
            for place in left_out
        )
    )


def record_of(folder: Path, name: str, *suffixes: str) -> RecordRef:
    """A record, its patient as a header comment names it, and its files: header, signals, one of each suffix."""
    header_path = folder / f"{name}.hea"
    others = tuple(folder / f"{name}{suffix}" for suffix in suffixes)
    try:
        comments, signals = _look_up(header_path)
    except DataError:
        # Reading it as data says what is wrong, and the run's policy for bad records decides what follows.
        return RecordRef(name, name, (header_path, *others))
    named = (PATIENT.fullmatch(comment) for comment in comments)
    patient = next((match.group(1) for match in named if match), name)
    return RecordRef(name, patient, (header_path, *signals, *others))


def files_of_header(header_path: Path) -> tuple[Path, ...]:
    """The header and all files below it; it alone where it cannot be read, which reading it as data will say."""
    try:
        return (header_path, *_look_up(header_path)[1])
    except DataError:
        return (header_path,)


def _look_up(header_path: Path) -> tuple[tuple[str, ...], list[Path]]:
    """Comments of a header, and all files below it: signals, and headers and signals of segments."""
    header = read_header(header_path)
    headers = [header]
    files: list[Path] = []
    for segment in header.segments:
        if segment.name != NOTHING_STORED:
            files.append(header_path.with_name(f"{segment.name}.hea"))
            headers.append(read_header(files[-1]))
    names = (signal.file_name for part in headers for signal in part.signals)
    files += [header_path.with_name(name) for name in dict.fromkeys(names) if name != NOTHING_STORED]
    return header.comments, files
