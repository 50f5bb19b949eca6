import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io

from kerasmed.data.readers import mat5
from kerasmed.data.readers.cpsc_mat import LEADS, read_cpsc_mat
from kerasmed.errors import DataError
from tests.fakes.mat_files import doubles, ecg_struct, element, matrix, packed, text, write_cpsc_mat, write_mat

SIGNAL_MV = np.round(np.random.default_rng(0).normal(0, 0.5, (700, 12)), 4)


def fault(path):
    with pytest.raises(DataError) as caught:
        read_cpsc_mat(path)
    return str(caught.value)


def test_a_record_is_read_with_what_the_challenge_says_of_all(tmp_path):
    record = read_cpsc_mat(write_cpsc_mat(tmp_path / "A0001.mat", SIGNAL_MV))
    np.testing.assert_array_equal(record.signal_mv, SIGNAL_MV.astype(np.float32))
    assert (record.record_id, record.patient, record.rate_hz, record.leads) == ("A0001", "A0001", 500.0, LEADS)


def test_what_scipy_writes_is_read(tmp_path):
    for number, compressed in enumerate((False, True)):
        path = tmp_path / f"A{number}.mat"
        fields = {"sex": "Female", "age": 61, "data": SIGNAL_MV.T}
        scipy.io.savemat(path, {"other": np.arange(5), "ECG": fields}, do_compression=compressed)
        np.testing.assert_array_equal(read_cpsc_mat(path).signal_mv, SIGNAL_MV.astype(np.float32))
        assert mat5.read_struct(path, "ECG")["sex"] == "Female"


def test_real_files_are_read_as_scipy_reads_them(data_root):
    paths = sorted((data_root / "cpsc2018_original").glob("A*.mat"))
    if not paths:
        pytest.skip("cpsc2018_original is not there")
    for path in paths:
        expected = scipy.io.loadmat(path)["ECG"]["data"][0, 0]
        np.testing.assert_array_equal(read_cpsc_mat(path).signal_mv, expected.T.astype(np.float32))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (doubles(SIGNAL_MV), "shape (700, 12)"),
        (doubles(SIGNAL_MV.T[:, :0]), "shape (12, 0)"),
        (doubles(np.full((12, 9), np.inf)), "infinite"),
        (text("data"), "no table of numbers"),
        (matrix(1, (1, 1), "", doubles(SIGNAL_MV)), "no table of numbers"),
        (matrix(3, (1, 1), ""), "no table of numbers"),
        (matrix(17, (1, 1), ""), "no table of numbers"),
        (matrix(6, (12, 9), "", element(9, bytes(8))), "has 1 values"),
        (matrix(6, (12, 2**31 - 1), "", element(9, bytes(8))), "an array has shape"),
        (matrix(6, (-1, 9), "", element(9, bytes(8))), "an array has shape"),
        (matrix(6, (12, 1), "", element(9, bytes(95))), "ends within a value"),
        (matrix(6, (12, 1), "", element(9, bytes(96)), element(9, bytes(96)), flags=8), "no table of numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_that_are_no_twelve_leads_are_refused(tmp_path, data, said):
    assert said in fault(write_mat(tmp_path / "A0001.mat", ecg_struct(data)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: b"", "header is missing"),
        (lambda whole: whole[:60], "header is missing"),
        (lambda whole: whole[:-40], "cut off"),
        (lambda whole: whole[:200] + bytes(100) + whole[300:], "is damaged"),
        (lambda whole: whole[:124] + b"\0\2IM" + whole[128:], "another version"),
        (lambda whole: whole + b"\1\0\0", "ends within a tag"),
        (lambda whole: whole[:128], "has no variable 'ECG'"),
        (lambda whole: b"\x89HDF" + whole, "header is missing"),
    ],
)
def test_a_damaged_file_is_one_error(tmp_path, content, said):
    assert said in fault(write_cpsc_mat(tmp_path / "A0001.mat", SIGNAL_MV, content))


def test_every_cut_of_a_file_is_one_error(tmp_path):
    whole = write_mat(tmp_path / "whole.mat", ecg_struct(doubles(SIGNAL_MV[:3].T))).read_bytes()
    for end in range(0, len(whole) - 1, 7):
        (tmp_path / "part.mat").write_bytes(whole[:end])
        fault(tmp_path / "part.mat")


def test_every_changed_byte_is_a_record_or_one_error(tmp_path):
    whole = write_mat(tmp_path / "whole.mat", ecg_struct(doubles(SIGNAL_MV[:2].T))).read_bytes()
    for at in range(124, len(whole) - 192):
        (tmp_path / "changed.mat").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_cpsc_mat(tmp_path / "changed.mat")
        except DataError:
            continue


def test_a_small_file_cannot_take_much_memory(tmp_path):
    stream = zlib.compressobj(9)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(120)) + stream.flush()
    path = write_mat(tmp_path / "A0001.mat", struct.pack("<II", 15, len(bomb)) + bomb)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    assert "takes more than 64 MB" in fault(path)
    assert tracemalloc.get_traced_memory()[1] < 160 << 20
    tracemalloc.stop()


def test_a_struct_of_several_is_no_record(tmp_path):
    several = matrix(2, (1, 2), "ECG", element(5, struct.pack("<i", 8)), element(1, b"data".ljust(8, b"\0")))
    assert "is no struct of one element" in fault(write_mat(tmp_path / "A0001.mat", packed(several)))
