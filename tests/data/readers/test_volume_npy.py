"""`.npy` files of volumes: mapped, and refused by their header where it lies."""

import io

import numpy as np
import pytest

from kerasmed.data.readers.volume_npy import open_volumes
from kerasmed.errors import DataError
from tests.fakes.volumes import draw_volumes


def header(dtype, shape, fortran=False):
    content = io.BytesIO()
    tree = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": fortran, "shape": shape}
    np.lib.format.write_array_header_1_0(content, tree)
    return content.getvalue()


def test_a_file_of_many_volumes_is_mapped(tmp_path):
    volumes, _ = draw_volumes(3)
    np.save(tmp_path / "a.npy", volumes)
    found = open_volumes(tmp_path / "a.npy", "a", "first")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, volumes)


def test_a_file_of_one_volume_has_one(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6), np.int16))
    assert open_volumes(tmp_path / "a.npy", "a", "first").shape == (1, 4, 5, 6)


def test_slices_along_the_last_axis_become_the_first(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 9, 4), np.float32))
    assert open_volumes(tmp_path / "a.npy", "a", "last").shape == (2, 4, 8, 9)


BAD = {
    "objects": (header("O", (1, 2, 2, 2)) + bytes(64), "is object"),
    "a bomb": (header("u1", (10**5, 10**5, 100)), "declares"),
    "a shape without a body": (header("u1", (2**29, 1, 1)), "declares"),
    "a negative axis": (header("u1", (-1, 4, 4)), "is uint8"),
    "too short": (header("u1", (4, 4, 4)) + bytes(10), "holds 10 bytes"),
    "too long": (header("u1", (4, 4, 4)) + bytes(65), "holds 65 bytes"),
    "two axes": (header("u1", (4, 4)) + bytes(16), "Volumes are numbers"),
    "complex": (header("c8", (2, 2, 2)) + bytes(64), "is complex64"),
    "Fortran order": (header("u1", (4, 4, 4), fortran=True) + bytes(64), "Fortran"),
    "a pickle": (b"\x80\x04K\x01.", "is no .npy file"),
    "code in the header": (b"\x93NUMPY\x01\x00\x1a\x00__import__('os').getcwd()\n", "is no .npy file"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_plain_array_of_volumes_is_refused_before_it_is_read(tmp_path, case):
    content, reason = BAD[case]
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        open_volumes(tmp_path / "a.npy", "a", "first")


def test_a_file_that_is_missing_says_so(tmp_path):
    with pytest.raises(DataError, match="a: is missing"):
        open_volumes(tmp_path / "a.npy", "a", "first")
