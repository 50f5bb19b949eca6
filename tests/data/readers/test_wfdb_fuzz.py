"""Whatever the bytes are: a record, or a DataError."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerasmed.data.readers.wfdb import read_annotations, read_header, read_record
from kerasmed.errors import DataError
from tests.fakes.wfdb_files import word, write_annotations, write_record

SIGNAL_MV = np.sin(np.arange(60.0)).reshape(30, 2)
FUZZ = settings(max_examples=300, deadline=None, derandomize=True)
TOKENS = [
    "r",
    "r.dat",
    "2",
    "360",
    "30",
    "16",
    "212",
    "80",
    "8",
    "310",
    "~",
    "/",
    "0",
    "-1",
    "x2",
    ":1",
    "+24",
    "200(0)/mV",
]
TOKENS += ["\n", " ", "\r", "#", "1e9", "nan", "I", "\x00", "\u00b5V", "9" * 30, "..", "(", ")"]


def reads_or_refuses(read, path):
    with contextlib.suppress(DataError):
        read(path)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_as_header(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.hea"
        path.write_bytes(content)
        reads_or_refuses(read_header, path)


@FUZZ
@given(st.lists(st.sampled_from(TOKENS), max_size=40))
@example(["r", "/", "2", " ", "2", "\n", "r.dat", " ", "30", "\n", "~", " ", "30"])
def test_any_words_of_a_header(tokens):
    with tempfile.TemporaryDirectory() as folder:
        path = write_record(Path(folder), "r", SIGNAL_MV, 360, ("I", "II"))
        path.write_text("".join(tokens), encoding="utf-8")
        reads_or_refuses(read_record, path)


@FUZZ
@given(st.integers(0, 120), st.binary(max_size=3), st.integers(0, 3), st.sampled_from(["16", "212", "80"]))
def test_a_header_with_a_few_bytes_changed(at, new, num_lost, fmt):
    def damaged(text):
        return text[:at] + new.decode("latin-1") + text[at + num_lost :]

    with tempfile.TemporaryDirectory() as folder:
        reads_or_refuses(read_record, write_record(Path(folder), "r", SIGNAL_MV, 360, ("I", "II"), fmt, header=damaged))


@FUZZ
@given(st.binary(max_size=200), st.sampled_from(["16", "212", "80"]))
def test_any_bytes_as_samples(content, fmt):
    with tempfile.TemporaryDirectory() as folder:
        path = write_record(Path(folder), "r", SIGNAL_MV, 360, ("I", "II"), fmt, content=lambda _: content)
        reads_or_refuses(read_record, path)


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes_as_annotations(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.atr"
        path.write_bytes(content)
        reads_or_refuses(read_annotations, path)


@FUZZ
@given(
    st.lists(st.builds(word, st.sampled_from([0, 1, 5, 22, 28, 59, 60, 61, 62, 63]), st.integers(0, 20)), max_size=60)
)
def test_any_words_of_annotations(words):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.atr"
        path.write_bytes(b"".join(words) + word(0))
        reads_or_refuses(read_annotations, path)


@FUZZ
@given(st.integers(0, 60))
def test_annotations_that_were_cut_off_are_never_taken_for_whole(num_bytes):
    with tempfile.TemporaryDirectory() as folder:
        samples, notes = range(0, 20_000, 2_000), ["(N", "", "a note"] * 3 + [""]
        path = write_annotations(
            Path(folder), "r", samples, "N" * 10, notes, content=lambda content: content[:num_bytes]
        )
        try:
            read_annotations(path)
        except DataError:
            return
        raise AssertionError(f"{num_bytes} bytes were taken for the whole")
