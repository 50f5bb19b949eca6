"""DICOM slices become a volume in the order of their positions, and tell nothing of the patient."""

import numpy as np
import pytest

from kerasmed.data.readers.dicom_series import is_series, read_series, series_name, spacing_of
from kerasmed.errors import DataError
from tests.fakes.pictures import CANARY, write_dicom
from tests.fakes.volumes import draw_volume, write_series

VOXELS = draw_volume(8).astype(np.int16)[:6]


def test_slices_are_ordered_by_their_positions_whatever_their_names(tmp_path):
    record = read_series(write_series(tmp_path / "s", VOXELS), "s", "axial")
    np.testing.assert_array_equal(record.voxels, VOXELS)
    assert record.spacing_mm == (2.0, 1.0, 1.0)
    assert record.left is None


def test_slices_from_head_to_foot_are_the_same_volume(tmp_path):
    folder = write_series(tmp_path / "s", VOXELS[::-1], (-2.0, 1.0, 1.0))
    np.testing.assert_array_equal(read_series(folder, "s", "axial").voxels, VOXELS)


def test_rows_and_columns_have_their_own_spacing_and_turn_with_the_plane(tmp_path):
    folder = write_series(tmp_path / "s", VOXELS, (3.0, 0.5, 0.25))
    record = read_series(folder, "s", "sagittal")
    np.testing.assert_array_equal(record.voxels, VOXELS[::-1].transpose(2, 0, 1))
    assert record.spacing_mm == (0.25, 3.0, 0.5)
    assert spacing_of(folder, "s", "sagittal") == ((8, 6, 8), (0.25, 3.0, 0.5))


def test_each_slice_is_rescaled_as_it_says_and_padding_is_the_least_that_was_measured(tmp_path):
    voxels = VOXELS.copy()
    voxels[0, 0, 0] = -2000
    tags = {"RescaleSlope": "2", "RescaleIntercept": "-1000", "PixelPaddingValue": -2000}
    found = read_series(write_series(tmp_path / "s", voxels, **tags), "s", "axial").voxels
    assert found[0, 0, 0] == found[0].min() == 2 * VOXELS[0].ravel()[1:].min() - 1000
    np.testing.assert_array_equal(found[1:], 2 * VOXELS[1:] - 1000.0)


@pytest.mark.parametrize(("tag", "said", "left"), [("Laterality", "L", True), ("ImageLaterality", "R", False)])
def test_the_side_is_what_the_headers_say(tmp_path, tag, said, left):
    assert read_series(write_series(tmp_path / "s", VOXELS, **{tag: said}), "s", "axial").left is left


def one_more(folder, pixels=VOXELS[0], **tags):
    where = {
        "ImagePositionPatient": [-10.0, -20.0, 12.0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1.0, 1.0], "SeriesInstanceUID": "1.2.3",
    }  # fmt: skip
    write_dicom(folder / "more.dcm", pixels, bits=16, **{**where, **tags})


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ImagePositionPatient": [-10.0, -20.0, 4.0]}, "several slices at one place"),
        ({"ImagePositionPatient": [-10.0, -20.0, 16.0]}, "lacks slices: one gap is 6.00 mm, most are 2.00 mm"),
        ({"ImagePositionPatient": [-10.0, -15.0, 12.0]}, "shifted against each other"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, 1]}, "several sizes, directions or spacings"),
        ({"PixelSpacing": [1.0, 1.1]}, "several sizes, directions or spacings"),
        ({"SeriesInstanceUID": "1.2.4"}, "slices of 2 series"),
        ({"PixelSpacing": None}, "without position, direction or spacing"),
        ({"pixels": VOXELS[0][:4]}, "several sizes, directions or spacings"),
        ({"pixels": VOXELS[:2]}, "a file of several frames"),
    ],
)
def test_slices_that_are_no_volume_are_refused(tmp_path, tags, reason):
    folder = write_series(tmp_path / "s", VOXELS)
    one_more(folder, **tags)
    with pytest.raises(DataError, match=f"s: has .*{reason}|s: {reason}"):
        read_series(folder, "s", "axial")


def test_one_slice_is_no_volume(tmp_path):
    with pytest.raises(DataError, match="has 1 slices"):
        read_series(write_series(tmp_path / "s", VOXELS[:1]), "s", "axial")


def test_a_series_is_called_by_what_is_in_it(tmp_path):
    folder = write_series(tmp_path / CANARY, VOXELS)
    name = series_name(folder)
    folder = folder.rename(tmp_path / "elsewhere")
    assert is_series(folder)
    assert series_name(folder) == name
    assert name.startswith("series-")
    one_more(folder)
    assert series_name(folder) != name
