"""Sample formats, frames, skew and segments beyond the common case; wfdb is both decoder and reference."""

import os
import socket
import sys

import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_adc, read_record
from kerasmed.errors import DataError, MissingPackageError
from tests.fakes.wfdb_files import LOWEST, encode, write_adc, write_record

wfdb = pytest.importorskip("wfdb", reason="the reference, wfdb, is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

ADC = np.random.default_rng(0).integers(-60, 60, (61, 2))  # differences fit into format 8
BYTES = {
    "24": lambda adc: adc.astype("<i4").reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
    "32": lambda adc: adc.astype("<i4").tobytes(),
    "61": lambda adc: adc.astype(">i2").tobytes(),
    "160": lambda adc: (adc + 2**15).astype("<u2").tobytes(),
    "8": lambda adc: np.diff(adc, axis=0, prepend=adc[:1]).astype(np.int8).tobytes(),
    "311": lambda adc: pack_311(adc.reshape(-1)),
}


def pack_311(values):
    padded = np.append(values, np.zeros(-len(values) % 3, values.dtype)).reshape(-1, 3) & 0x3FF
    return (padded[:, 0] | padded[:, 1] << 10 | padded[:, 2] << 20).astype("<u4").tobytes()


def write_as(folder, fmt, adc=ADC, content=lambda written: written):
    """A record in format 16, of which the format and the bytes are exchanged."""
    path = write_adc(folder, "r", adc, 250, ("I", "II"), header=lambda text: text.replace(".dat 16", f".dat {fmt}"))
    path.with_suffix(".dat").write_bytes(content(BYTES[fmt](adc)))
    return path


def write_frames(folder, *, first="16x3", second="16", fmt="16", num_frames=20):
    """A record with three samples of its first signal in each frame, and one of its second."""
    slots = np.random.default_rng(1).integers(-100, 100, (num_frames, 4))
    checksums = [slots[:, :3].sum() % 2**16, slots[:, 3].sum() % 2**16]
    lines = [f"r 2 250 {num_frames}"]
    lines += [f"r.dat {first} 200 12 0 {slots[0, 0]} {checksums[0]} 0 I"]
    lines += [f"r.dat {second} 200 12 0 {slots[0, 3]} {checksums[1]} 0 II"]
    (folder / "r.hea").write_text("\n".join(lines))
    (folder / "r.dat").write_bytes(encode(slots, fmt))
    return folder / "r.hea", slots


@pytest.mark.parametrize("fmt", BYTES)
def test_every_other_format_is_read_through_wfdb(tmp_path, fmt):
    path = write_as(tmp_path, fmt)
    assert np.array_equal(read_adc(path), ADC)
    assert np.array_equal(read_record(path).signal_mv, (ADC / 200).astype(np.float32))


@pytest.mark.parametrize("fmt", BYTES)
def test_their_checksums_are_verified(tmp_path, fmt):
    path = write_as(tmp_path, fmt, content=lambda written: written[:9] + bytes([written[9] ^ 1]) + written[10:])
    with pytest.raises(DataError, match="fetch it again"):
        read_record(path)


@pytest.mark.parametrize("fmt", BYTES)
@pytest.mark.parametrize("change", [lambda b: b[:-4], lambda b: b + bytes(4), lambda b: b""])
def test_their_files_must_be_of_the_right_size(tmp_path, fmt, change):
    with pytest.raises(DataError, match="bytes of samples"):
        read_record(write_as(tmp_path, fmt, content=change))


@pytest.mark.parametrize("fmt", ["508", "516", "524"])
def test_compressed_records_are_read(tmp_path, fmt):
    pytest.importorskip("soundfile", reason="FLAC needs soundfile")
    fields = {"d_signal": ADC, "fmt": [fmt] * 2, "adc_gain": [200.0] * 2, "baseline": [0] * 2}
    wfdb.wrsamp("r", 250, ["mV"] * 2, ["I", "II"], write_dir=str(tmp_path), **fields)
    assert np.array_equal(read_adc(tmp_path / "r.hea"), ADC)


def test_a_compressed_file_that_is_none_is_one_clear_line(tmp_path):
    path = write_adc(tmp_path, "r", ADC, 250, ("I", "II"), header=lambda text: text.replace(".dat 16", ".dat 516"))
    with pytest.raises(DataError, match="cannot be read by the wfdb package"):
        read_record(path)


def test_a_compressed_file_cannot_reserve_memory(tmp_path):
    def swollen(text):
        return text.replace(".dat 16", ".dat 516").replace("250 61", "250 999999999")

    with pytest.raises(DataError, match="has more than"):
        read_record(write_adc(tmp_path, "r", ADC, 250, ("I", "II"), header=swollen))


def test_a_named_pipe_does_not_reach_the_package(tmp_path):
    path = write_as(tmp_path, "32")
    path.with_suffix(".dat").unlink()
    os.mkfifo(path.with_suffix(".dat"))
    with pytest.raises(DataError, match="is not a regular file"):
        read_record(path)


def test_a_folder_that_looks_like_an_address_does_not_reach_the_package(tmp_path):
    with pytest.raises(DataError, match="takes for an address"):
        read_record(write_as(tmp_path / "a::b", "32"))


def test_the_package_opens_no_socket(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a reader went to the network")

    monkeypatch.setattr(socket, "socket", refuse)
    assert read_record(write_as(tmp_path, "32")).signal_mv.shape == (61, 2)


def test_without_the_package_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'kerasmed\[ecg\]'"):
        read_record(write_as(tmp_path, "32"))


def test_the_common_formats_need_no_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    assert read_record(write_record(tmp_path, "r", ADC / 200, 250, ("I", "II"), "212")).signal_mv.shape == (61, 2)


def test_without_a_number_of_samples_its_formats_are_not_read(tmp_path):
    path = write_as(tmp_path, "32")
    path.write_text(path.read_text().replace("250 61", "250"))
    with pytest.raises(DataError, match="does not say how many samples it has"):
        read_record(path)


@pytest.mark.parametrize("fmt", ["16", "212"])
def test_several_samples_in_a_frame_become_their_mean(tmp_path, fmt):
    path, _ = write_frames(tmp_path, first=f"{fmt}x3", second=fmt, fmt=fmt)
    assert np.array_equal(read_adc(path), wfdb.rdrecord(str(path.with_suffix("")), physical=False).d_signal)
    assert np.array_equal(
        read_record(path).signal_mv, wfdb.rdrecord(str(path.with_suffix(""))).p_signal.astype(np.float32)
    )


def test_a_frame_with_a_missing_sample_is_missing(tmp_path):
    path, slots = write_frames(tmp_path)
    slots[4, 1] = LOWEST["16"]
    path.with_suffix(".dat").write_bytes(encode(slots, "16"))
    path.write_text("r 2 250 20\nr.dat 16x3\nr.dat 16\n")
    assert np.flatnonzero(np.isnan(read_record(path).signal_mv[:, 0])).tolist() == [4]


def test_skewed_signals_are_moved_to_their_time(tmp_path):
    path = write_adc(tmp_path, "r", ADC, 250, ("I", "II"), header=lambda text: text.replace(".dat 16", ".dat 16:2", 1))
    expected = wfdb.rdrecord(str(path.with_suffix(""))).p_signal.astype(np.float32)
    assert np.array_equal(read_record(path).signal_mv, expected, equal_nan=True)
    assert np.isnan(expected[-2:, 0]).all()


def test_each_signal_has_its_own_skew(tmp_path):
    path, slots = write_frames(tmp_path, first="16x3:2", second="16:5")  # on which wfdb 4.3.1 fails
    adc = read_adc(path)
    assert np.array_equal(adc[:-5, 1], slots[5:, 3])
    assert np.array_equal(adc[:-2, 0], (slots[2:, :3].sum(axis=1) / 3).astype(int))
    assert (adc[-2:, 0] == LOWEST["16"]).all()
    assert (adc[-5:, 1] == LOWEST["16"]).all()


def write_parts(folder, lines, *, second_leads=("I", "II")):
    write_adc(folder, "a", ADC[:40], 250, ("I", "II"))
    write_adc(
        folder, "b", ADC[40:, : len(second_leads)], 250, second_leads, "212", gains=["100/mV"] * len(second_leads)
    )
    (folder / "layout.hea").write_text("layout 2 250 0\n~ 0 200/mV 12 0 0 0 0 I\n~ 0 200/mV 12 0 0 0 0 II\n")
    (folder / "r.hea").write_text("\n".join(lines))
    return folder / "r.hea"


def test_segments_are_joined(tmp_path):
    path = write_parts(tmp_path, ["r/3 2 250 101", "a 40", "b 21", "a 40"])
    record = read_record(path)
    assert np.array_equal(record.signal_mv, wfdb.rdrecord(str(path.with_suffix(""))).p_signal.astype(np.float32))
    assert (record.record_id, record.leads, record.rate_hz) == ("r", ("I", "II"), 250.0)


def test_gaps_and_absent_leads_are_missing(tmp_path):
    path = write_parts(tmp_path, ["r/4 2 250 71", "layout 0", "b 21", "~ 10", "a 40"], second_leads=("II",))
    expected = wfdb.rdrecord(str(path.with_suffix(""))).p_signal.astype(np.float32)
    assert np.array_equal(read_record(path).signal_mv, expected, equal_nan=True)
    assert np.isnan(expected).sum() == 21 + 2 * 10


def test_leads_of_segments_come_by_name(tmp_path):
    path = write_parts(tmp_path, ["r/2 2 250 61", "a 40", "b 21"])
    both, one = read_record(path), read_record(path, ("II",))
    assert one.leads == ("II",)
    assert np.array_equal(one.signal_mv[:, 0], both.signal_mv[:, 1])


BAD_SEGMENTS = {
    "missing": (["r/2 2 250 61", "a 40", "c 21"], r"c\.hea: is missing"),
    "wrong length": (["r/2 2 250 60", "a 40", "b 20"], "segment b has 21 samples at 250 Hz, not 20"),
    "wrong rate": (["r/2 2 360 61", "a 40", "b 21"], "segment a has 40 samples at 250 Hz, not 40 at 360 Hz"),
    "wrong total": (["r/2 2 250 99", "a 40", "b 21"], "says 99 samples, and its segments have 61"),
    "wrong number of signals": (["r/2 3 250 61", "a 40", "b 21"], "says 3 signals, and its segments have 2"),
    "only a gap": (["r/1 2 250 61", "~ 61"], "says 2 signals, and its segments have 0"),
    "a long gap": (["r/2 2 250", "a 40", "~ 9999999999999"], "takes more than"),
}


@pytest.mark.parametrize(("lines", "reason"), BAD_SEGMENTS.values(), ids=BAD_SEGMENTS.keys())
def test_bad_segments_are_one_clear_line(tmp_path, lines, reason):
    with pytest.raises(DataError, match=reason):
        read_record(write_parts(tmp_path, lines))


def test_segments_of_segments_are_refused(tmp_path):
    path = write_parts(tmp_path, ["r/1 2 250 61", "deep 61"])
    (tmp_path / "deep.hea").write_text("deep/1 2 250 61\nr 61\n")
    with pytest.raises(DataError, match="segment deep is itself made of segments"):
        read_record(path)


def test_segments_with_other_leads_need_a_layout(tmp_path):
    path = write_parts(tmp_path, ["r/2 2 250 61", "a 40", "b 21"], second_leads=("I", "V1"))
    with pytest.raises(DataError, match="has segments with different leads"):
        read_record(path)


def test_segments_have_no_one_scale_of_integers(tmp_path):
    with pytest.raises(DataError, match="is made of segments"):
        read_adc(write_parts(tmp_path, ["r/2 2 250 61", "a 40", "b 21"]))
