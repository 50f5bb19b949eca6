"""NIfTI files become volumes of one orientation; what their headers declare is held against them first."""

import gzip

import numpy as np
import pytest

from kerasmed.data.readers.nifti import read_nifti, spacing_of
from kerasmed.errors import DataError
from tests.fakes.volumes import write_nifti

# x to the right, y to the front, z to the head, all different in size.
XYZ = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
AFFINE = np.diag([0.5, 0.75, 2.0, 1.0])


def changed(path, start, new):
    content = bytearray(path.read_bytes())
    content[start : start + len(new)] = new
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_axial_slices_go_from_foot_to_head_front_to_back_right_to_left(tmp_path, suffix):
    record = read_nifti(write_nifti(tmp_path / f"v{suffix}", XYZ, AFFINE), "v", "axial")
    np.testing.assert_array_equal(record.voxels, XYZ.transpose(2, 1, 0)[:, ::-1, ::-1])
    assert record.spacing_mm == (2.0, 0.75, 0.5)
    assert record.notes == ()


@pytest.mark.parametrize(
    ("plane", "wanted", "spacing_mm"),
    [
        ("sagittal", XYZ.transpose(0, 2, 1)[::-1, ::-1, ::-1], (0.5, 2.0, 0.75)),
        ("coronal", XYZ.transpose(1, 2, 0)[::-1, ::-1, ::-1], (0.75, 2.0, 0.5)),
    ],
)
def test_slices_are_turned_to_the_plane_asked_for(tmp_path, plane, wanted, spacing_mm):
    path = write_nifti(tmp_path / "v.nii", XYZ, AFFINE)
    record = read_nifti(path, "v", plane)
    np.testing.assert_array_equal(record.voxels, wanted)
    assert record.spacing_mm == spacing_mm
    assert spacing_of(path, "v", plane) == (record.voxels.shape, spacing_mm)


def test_two_files_that_store_one_volume_in_other_orders_are_read_alike(tmp_path):
    stored_otherwise = write_nifti(
        tmp_path / "b.nii", XYZ[::-1].transpose(2, 0, 1),
        np.array([[0, -0.5, 0, 1.5], [0, 0, 0.75, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]]),
    )  # fmt: skip
    one = read_nifti(write_nifti(tmp_path / "a.nii", XYZ, AFFINE), "a", "axial")
    other = read_nifti(stored_otherwise, "b", "axial")
    np.testing.assert_array_equal(one.voxels, other.voxels)
    assert one.spacing_mm == other.spacing_mm


def test_stored_values_are_scaled_as_the_header_says(tmp_path):
    path = write_nifti(tmp_path / "v.nii", XYZ)
    changed(path, 112, np.array([2.0, -10.0], "<f4").tobytes())  # scl_slope and scl_inter
    np.testing.assert_array_equal(read_nifti(path, "v", "axial").voxels, 2 * XYZ.T[:, ::-1, ::-1] - 10.0)


def test_a_plain_file_is_mapped_and_not_loaded(tmp_path):
    voxels = read_nifti(write_nifti(tmp_path / "v.nii", XYZ), "v", "axial").voxels
    while voxels.base is not None and not isinstance(voxels, np.memmap):
        voxels = voxels.base
    assert isinstance(voxels, np.memmap)


def test_a_file_that_does_not_say_which_way_it_lies_says_so(tmp_path):
    path = write_nifti(tmp_path / "v.nii", XYZ, AFFINE)
    changed(path, 252, b"\0\0\0\0")  # qform_code and sform_code
    assert read_nifti(path, "v", "axial").notes == ("the file does not say which way it lies",)


@pytest.mark.parametrize(
    ("start", "new", "reason"),
    [
        (0, b"\x89PNG", "is no NIfTI file"),
        (40, np.array([3, 30000, 30000, 30000], "<i2").tobytes(), "more than 1,073,741,824 voxels are never read"),
        (40, np.array([3, 4, 5, 7], "<i2").tobytes(), r"declares \(4, 5, 7\) of int16 but is 592 bytes long"),
        (40, np.array([4, 4, 5, 3, 2], "<i2").tobytes(), r"is int16 \(4, 5, 3, 2\)"),
        (40, np.array([3, 4, -5, 6], "<i2").tobytes(), "One volume of numbers"),
        (70, np.array([128], "<i2").tobytes(), "One volume of numbers"),
        (70, np.array([9999], "<i2").tobytes(), "is no NIfTI file"),
        (108, np.array([1e20], "<f4").tobytes(), "declares voxels from byte"),
        (344, b"ni1\0", "a NIfTI header without its voxels"),
        (280, np.zeros(12, "<f4").tobytes(), "nothing useful about the size of its voxels"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_refused_before_a_voxel_is_read(tmp_path, start, new, reason):
    path = write_nifti(tmp_path / "v.nii", XYZ, AFFINE)
    changed(path, start, new)
    with pytest.raises(DataError, match=reason):
        read_nifti(path, "v", "axial")


@pytest.mark.parametrize(("cut", "more"), [(-10, b""), (None, b"more")])
def test_a_packed_file_that_holds_less_or_more_is_refused(tmp_path, cut, more):
    path = write_nifti(tmp_path / "v.nii.gz", XYZ)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:cut] + more))
    with pytest.raises(DataError, match="unpacks to"):
        read_nifti(path, "v", "axial")


def test_a_packed_file_that_declares_more_than_it_can_unpack_to_is_refused_from_its_header(tmp_path):
    path = write_nifti(tmp_path / "v.nii.gz", XYZ)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40:48] = np.array([3, 1000, 1000, 1000], "<i2").tobytes()
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="declares"):
        read_nifti(path, "v", "axial")


def test_damaged_packing_is_refused(tmp_path):
    path = write_nifti(tmp_path / "v.nii.gz", XYZ)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="v: is damaged"):
        read_nifti(path, "v", "axial")


def test_no_header_makes_anything_but_a_volume_or_a_data_error(tmp_path):
    path = write_nifti(tmp_path / "v.nii", XYZ, AFFINE)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for place in rng.integers(4, 348, rng.integers(1, 12)):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            assert read_nifti(path, "v", "axial").voxels.size == XYZ.size
        except DataError:
            refused += 1
    assert 0 < refused < 200
