"""The wfdb package is the reference: equal integers, equal float32, equal marks."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmed.data.readers.wfdb import read_adc, read_annotations, read_header, read_record
from tests.fakes.wfdb_files import LOWEST, SYMBOL_CODES, write_adc, write_annotations

wfdb = pytest.importorskip("wfdb", reason="the reference, wfdb, is not installed")

# wfdb 4.3.1 uses what pandas 3.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
GENERATED = settings(max_examples=150, deadline=None, derandomize=True)
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCVIR0123456789_-. ", min_size=1, max_size=12).map(str.strip).filter(bool)


def assert_equals_wfdb(path):
    name = str(path.with_suffix(""))
    digital, physical = wfdb.rdrecord(name, physical=False), wfdb.rdrecord(name)
    header, record = read_header(path), read_record(path)
    assert np.array_equal(read_adc(path), digital.d_signal)
    assert np.array_equal(record.signal_mv, physical.p_signal.astype(np.float32), equal_nan=True)
    assert (record.rate_hz, list(record.leads), record.record_id) == (physical.fs, physical.sig_name, path.stem)
    assert list(header.comments) == physical.comments


def assert_marks_equal_wfdb(path):
    marks, expected = read_annotations(path), wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    assert np.array_equal(marks.samples, expected.sample)
    assert marks.symbols.tolist() == expected.symbol
    assert marks.notes.tolist() == [note.rstrip("\0") for note in expected.aux_note]


@pytest.mark.parametrize("database", ["mitdb", "ptbxl", "cpsc2018", "icentia11k"])
def test_every_real_record_equals_wfdb(data_root, database):
    paths = sorted((data_root / database).rglob("*.hea"))
    if not paths:
        pytest.skip(f"no records of {database}")
    for path in paths:
        assert_equals_wfdb(path)


@pytest.mark.parametrize("database", ["mitdb", "icentia11k"])
def test_every_real_annotation_equals_wfdb(data_root, database):
    paths = sorted((data_root / database).rglob("*.atr"))
    if not paths:
        pytest.skip(f"no annotations of {database}")
    for path in paths:
        assert_marks_equal_wfdb(path)


def test_no_real_mark_lies_beyond_its_signal(mitdb):
    for path in sorted(mitdb.glob("*.hea")):
        num_samples = read_header(path).num_samples
        assert read_annotations(path.with_suffix(".atr"), num_samples).samples[-1] < num_samples


@st.composite
def records(draw):
    fmt = draw(st.sampled_from(["16", "212", "80"]))
    num_leads, num_samples = draw(st.integers(1, 4)), draw(st.integers(1, 60))
    value = st.integers(LOWEST[fmt], -LOWEST[fmt] - 1)
    adc = draw(st.lists(value, min_size=num_leads * num_samples, max_size=num_leads * num_samples))
    leads = draw(st.lists(NAMES, min_size=num_leads, max_size=num_leads, unique_by=str.casefold))
    gain = st.floats(1e-3, 1e6) | st.integers(1, 100_000) | st.just(-200)
    baseline = st.integers(-(2**31), 2**31 - 1) | st.integers(-2048, 2048)
    gains = [f"{draw(gain)!r}({draw(baseline)})/mV" for _ in leads]
    offset = draw(st.sampled_from([0, 24, 7]))
    return fmt, np.array(adc).reshape(num_samples, num_leads), leads, gains, offset


@GENERATED
@given(records(), st.sampled_from([100, 250.5, 360, 1000]), st.sampled_from(["\n", "\r\n"]))
def test_generated_records_equal_wfdb(record, rate_hz, newline):
    fmt, adc, leads, gains, offset = record
    with tempfile.TemporaryDirectory() as folder:
        path = write_adc(Path(folder), "r", adc, rate_hz, leads, fmt, gains=gains, byte_offset=offset, newline=newline)
        assert np.array_equal(read_adc(path), adc)
        assert_equals_wfdb(path)


@st.composite
def marks(draw):
    intervals = draw(st.lists(st.integers(0, 3000) | st.integers(0, 2**30), min_size=1, max_size=50))
    symbols = [draw(st.sampled_from(sorted(SYMBOL_CODES))) for _ in intervals]
    note = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=255)
    notes = [draw(note) if draw(st.booleans()) else "" for _ in intervals]
    intervals[0] += 1  # at sample 0 wfdb takes notes for a description of the file
    return np.cumsum(intervals), symbols, notes


@GENERATED
@given(marks())
def test_generated_annotations_equal_wfdb(drawn):
    with tempfile.TemporaryDirectory() as folder:
        path = write_annotations(Path(folder), "r", *drawn)
        assert read_annotations(path).samples.tolist() == drawn[0].tolist()
        assert_marks_equal_wfdb(path)


def test_annotations_that_wfdb_writes_are_read(tmp_path):
    samples = np.array([3, 100_000, 100_001])
    extra = {"chan": np.array([0, 1, 1]), "num": np.array([0, 0, 3]), "subtype": np.array([0, -2, 0])}
    aux_note = ["", "(AFIB", "x"]
    wfdb.wrann("r", "atr", samples, ["N", "+", "V"], fs=360, aux_note=aux_note, write_dir=str(tmp_path), **extra)
    marks = read_annotations(tmp_path / "r.atr")
    assert (marks.samples.tolist(), marks.symbols.tolist()) == ([3, 100_000, 100_001], ["N", "+", "V"])
    assert marks.notes.tolist() == aux_note


def test_records_that_wfdb_writes_are_read(tmp_path):
    signal_mv = np.random.default_rng(0).normal(size=(500, 2))
    wfdb.wrsamp("r", 360, ["mV", "mV"], ["I", "II"], signal_mv, fmt=["16", "16"], write_dir=str(tmp_path))
    assert np.allclose(read_record(tmp_path / "r.hea").signal_mv, signal_mv, atol=1e-3)


def test_reading_is_several_times_faster_than_wfdb(mitdb):
    paths = sorted(mitdb.glob("*.hea"))[:8]

    def ours():
        for path in paths:
            read_annotations(path.with_suffix(".atr"), len(read_record(path).signal_mv))

    def theirs():
        for path in paths:
            wfdb.rdrecord(str(path.with_suffix("")))
            wfdb.rdann(str(path.with_suffix("")), "atr")

    ratios = []
    for _ in range(3):
        start = time.process_time()
        ours()
        middle = time.process_time()
        theirs()
        ratios.append((middle - start) / (time.process_time() - middle))
    assert min(ratios) < 0.2, "0.07 was measured; `make bench` holds the bound of 0.1"
