import numpy as np
import pytest

from kerasmed.data.simulate.page_ink import Canvas, map_points
from kerasmed.data.simulate.page_truth import heights_at_columns, inside, joined_heights
from kerasmed.data.simulate.page_view import angle_deg, fit_homography, px_per_mm, view_page

SQUARE = np.array([[0, 0], [100, 0], [100, 80], [0, 80]], np.float64)


@pytest.fixture
def aslant():
    """A page of 100 x 80 mm seen from aside, in a picture of 400 x 320."""
    return fit_homography(SQUARE, np.array([[10, 20], [380, 5], [395, 300], [2, 315]], np.float64))


def test_a_homography_maps_its_corners(aslant):
    np.testing.assert_allclose(map_points(aslant, SQUARE)[2], [395, 300])


def test_ink_is_where_the_points_are_mapped_to(aslant):
    wave = np.stack([np.linspace(5, 95, 200), 40 + 3 * np.sin(np.linspace(0, 6, 200))], axis=1)
    canvas = Canvas(320, 400, aslant)
    canvas.lines([wave], 3.0, (0.0, 0.0, 0.0))
    ink = canvas.rgba()[..., 3].astype(np.float64)
    heights = heights_at_columns(map_points(aslant, wave), 400)
    columns = np.flatnonzero(np.isfinite(heights))[5:-5]
    centre = (ink * np.arange(320)[:, None]).sum(axis=0)[columns] / ink.sum(axis=0)[columns]
    np.testing.assert_allclose(centre, heights[columns], atol=0.05)


def test_a_column_beside_the_line_has_no_height():
    heights = heights_at_columns(np.array([[2.5, 1.0], [5.5, 4.0]]), 8)
    np.testing.assert_allclose(heights, [np.nan, np.nan, np.nan, 1.5, 2.5, 3.5, np.nan, np.nan])


def test_a_line_that_leans_back_is_told_at_its_middle_crossing():
    leaning = np.array([[0.0, 0.0], [6.0, 2.0], [4.0, 8.0], [10.0, 9.0]])
    heights = heights_at_columns(leaning, 10)
    assert heights[5] == pytest.approx(5.0)
    assert heights[2] == pytest.approx(2 / 3)


def test_points_beyond_the_picture_are_no_columns():
    assert np.isfinite(heights_at_columns(np.array([[-30.0, 0.0], [30.0, 0.0]]), 6)).all()


def test_of_two_lines_in_a_column_the_later_holds():
    lines = [np.array([[0.0, 1.0], [4.5, 1.0]]), np.array([[3.5, 7.0], [9.0, 7.0]])]
    assert joined_heights(lines, 6).tolist() == [1, 1, 1, 1, 7, 7]


def test_a_height_outside_the_picture_is_none():
    np.testing.assert_array_equal(
        inside(np.array([-0.6, -0.4, 9.4, 9.6], np.float32), 10) > -9, [False, True, True, False]
    )


@pytest.mark.parametrize("turn", [-8.0, 0.0, 5.0])
def test_a_turned_view_tells_its_angle_and_scale(turn):
    seen = view_page((100.0, 80.0), (320, 400), turn, 1.0, np.zeros(2), np.zeros((4, 2)))
    assert angle_deg(seen, (100.0, 80.0)) == pytest.approx(turn)
    assert px_per_mm(seen, (100.0, 80.0)) == pytest.approx(4.0)
