"""MIT annotation files of WFDB, as annot(5) of the WFDB Applications Guide has them.

A file is a row of 16-bit words, each a 6-bit code above a 10-bit number. Code 1 to 49 is a mark, and its number is the
time since the mark before it; code 0 passes time without a mark. Codes 59 to 63 carry what does not fit into a word: a
long interval (SKIP), the fields num, sub and chan, which kerasmed does not use, and a text (AUX). A word of 0 ends all.
"""

import re
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.readers.wfdb_grammar import shown
from kerasmed.data.readers.wfdb_header import parse_header_file
from kerasmed.data.records import Annotations, Array
from kerasmed.errors import DataError

MAX_ANNOTATION_BYTES = 16 << 20  # two weeks of beats take 8 MB
MAX_NOTE_BYTES = 255
MAX_NOTE_CHARS = 1 << 28  # of all notes, each as long as the longest, as the array holds them
_NOTE, _SKIP, _AUX = 22, 59, 63
# Mnemonics of <wfdb/ecgcodes.h> by code; a space where a file must define its own.
_SYMBOLS = np.array(list(' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'.ljust(64)))


@dataclass
class _Extras:
    """What SKIP and AUX say, by the index of their word, and the words that each takes."""

    payloads: list[tuple[int, int]] = field(default_factory=list)
    skips: dict[int, int] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Definitions:
    """What notes at sample 0 that begin with "##" say of the file itself."""

    rows: list[int]
    resolution_hz: float | None
    symbols: dict[int, str]


def parse_annotation_file(path: Path, num_samples: int | None) -> Annotations:
    """The marks in the file at `path`; see `kerasmed.data.readers.wfdb.read_annotations`."""
    name = path.name
    content = read_local(path, MAX_ANNOTATION_BYTES)
    if len(content) % 2:
        raise DataError(name, "ends within a word: it was cut off.", "Fetch it again.")
    words = np.frombuffer(content, "<u2")
    extras = _read_extras(words, content, name)
    mark_words, samples = _marks(words, extras, name)
    codes = words[mark_words] >> 10
    notes = _notes(extras.notes, mark_words, name)
    definitions = _definitions(codes, samples, notes, name)
    _check_resolution(path, definitions.resolution_hz)
    is_kept = codes > 0
    is_kept[definitions.rows] = False
    samples = samples[is_kept]
    _check_times(samples, num_samples, name)
    return Annotations(samples, _symbols(codes[is_kept], definitions.symbols, name), notes[is_kept])


def _read_extras(words: Array, content: bytes, name: str) -> _Extras:
    """Follow SKIP and AUX, behind which other things than words lie, so that their like in a text is passed over."""
    extras, resume = _Extras(), 0
    codes = words >> 10
    longer = np.flatnonzero((codes == _SKIP) | (codes == _AUX))
    for at, word in zip(longer.tolist(), words[longer].tolist(), strict=True):
        if at < resume:
            continue
        code, number = word >> 10, word & 1023
        resume = at + (3 if code == _SKIP else 1 + (number + 1) // 2)
        if code == _AUX and number > MAX_NOTE_BYTES:
            raise DataError(name, f"has a note of {number} bytes; the format has at most {MAX_NOTE_BYTES}.")
        if resume > len(words):
            raise DataError(name, "ends within a mark: it was cut off.", "Fetch it again.")
        extras.payloads.append((at, resume))
        if code == _SKIP:
            high, low = words[at + 1 : at + 3].tolist()
            extras.skips[at] = (high << 16 | low) - (high >> 15 << 32)
        else:
            extras.notes[at] = content[2 * at + 2 : 2 * at + 2 + number].decode("latin-1").rstrip("\0")
    return extras


def _marks(words: Array, extras: _Extras, name: str) -> tuple[Array, Array]:
    """Index of the word of each mark, those of code 0 included, and the sample of each."""
    is_mark = words < _SKIP << 10
    for start, stop in extras.payloads:
        is_mark[start:stop] = False
    ends = np.flatnonzero(is_mark & (words == 0))
    if not len(ends):
        raise DataError(name, "has no end: it was cut off.", "Fetch it again.")
    if words[ends[0] :].any():
        raise DataError(name, "goes on after its end.", "Fetch it again.")
    intervals = np.where(is_mark, words & 1023, 0).astype(np.int64)
    intervals[list(extras.skips)] = list(extras.skips.values())
    mark_words = np.flatnonzero(is_mark[: ends[0]])
    return mark_words, np.cumsum(intervals)[mark_words]


def _notes(texts: dict[int, str], mark_words: Array, name: str) -> Array:
    """Texts (marks,), each beside the mark whose word is the last before its own."""
    longest = max(map(len, texts.values()), default=0)
    if longest * len(mark_words) > MAX_NOTE_CHARS:
        raise DataError(name, f"has {len(mark_words)} marks with notes of up to {longest} characters: too many.")
    notes = np.zeros(len(mark_words), f"<U{max(longest, 1)}")
    owners = np.searchsorted(mark_words, list(texts)) - 1
    if len(owners) and owners[0] < 0:
        raise DataError(name, "begins with a note that belongs to no mark.")
    notes[owners] = list(texts.values())
    return notes


def _definitions(codes: Array, samples: Array, notes: Array, name: str) -> _Definitions:
    rows, resolution_hz, symbols = [], None, {}
    is_defining = False
    for row in np.flatnonzero((codes == _NOTE) & (samples == 0)).tolist():
        note = str(notes[row])
        if not (is_defining or note.startswith("## ")):
            continue
        rows.append(row)
        if note.startswith("## "):
            is_defining = note == "## annotation type definitions"
            if found := re.fullmatch(r"## time resolution: (\d{1,9}(?:\.\d{0,20})?)", note, re.ASCII):
                resolution_hz = float(found[1])
        elif found := re.fullmatch(r"([1-9]|[1-4]\d) (\S+)(?: .*)?", note, re.ASCII | re.DOTALL):
            symbols[int(found[1])] = found[2]
        else:
            raise DataError(name, f"defines a mark by {shown(note)}, which is not a code from 1 to 49 and a symbol.")
    return _Definitions(rows, resolution_hz, symbols)


def _check_resolution(path: Path, resolution_hz: float | None) -> None:
    """Times in other steps than the signal's samples would move every mark."""
    header_path = path.with_suffix(".hea")
    if resolution_hz is None or not header_path.exists():
        return
    rate_hz = parse_header_file(header_path).rate_hz
    if not isclose(resolution_hz, rate_hz, rel_tol=1e-6):
        raise DataError(path.name, f"counts time at {resolution_hz:g} Hz, and {header_path.name} says {rate_hz:g} Hz.")


def _check_times(samples: Array, num_samples: int | None, name: str) -> None:
    if not len(samples):
        return
    if samples[0] < 0 or (np.diff(samples) < 0).any():
        raise DataError(name, "has marks that go back in time.", "Fetch it again.")
    if num_samples is not None and samples[-1] >= num_samples:
        raise DataError(name, f"has a mark at sample {samples[-1]} of a signal of {num_samples}.")


def _symbols(codes: Array, defined: dict[int, str], name: str) -> Array:
    symbols = _SYMBOLS
    if defined:
        symbols = _SYMBOLS.astype(f"<U{max(map(len, defined.values()))}")
        symbols[list(defined)] = list(defined.values())
    found = symbols[codes]
    unknown = codes[found == " "]
    if len(unknown):
        raise DataError(name, f"has a mark of code {unknown[0]}, which neither WFDB nor the file defines.")
    return found
