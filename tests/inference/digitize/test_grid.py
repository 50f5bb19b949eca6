"""The grid is found where it was drawn: turned, seen from aside, with lines of one kind or both."""

import numpy as np
import pytest

from kerasmed.errors import DataError
from kerasmed.evaluation.digitized import grid_error_px
from kerasmed.inference.digitize.grid import find_grid, project

SHAPE = (850, 1100)
LETTER_MM = (279.4, 215.9)


def drawn(to_pixels, minor=0.5, major=1.0, noise=0.1):
    """A picture of lines every millimetre and every fifth."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    millimetres = project(np.linalg.inv(to_pixels), np.stack([x, y], axis=-1))
    lines = np.zeros(SHAPE)
    for axis in (0, 1):
        for spacing, strength in ((1, minor), (5, major)):
            off = np.abs(millimetres[..., axis] / spacing - np.round(millimetres[..., axis] / spacing)) * spacing
            lines = np.maximum(lines, strength * np.exp(-((off / 0.15) ** 2)))
    return (lines + noise * np.random.default_rng(0).random(SHAPE)).astype(np.float32)


def seen(angle_deg, px_per_mm=3.9, aside=(0.0, 0.0)):
    turn = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [*aside, 1]])
    to_middle = np.array([[1, 0, SHAPE[1] / 2], [0, 1, SHAPE[0] / 2], [0, 0, 1]])
    return (
        to_middle
        @ np.diag([px_per_mm, px_per_mm, 1])
        @ matrix
        @ np.array([[1, 0, -LETTER_MM[0] / 2], [0, 1, -LETTER_MM[1] / 2], [0, 0, 1]])
    )


@pytest.mark.parametrize("angle_deg", [0.0, -7.3, 9.0])
def test_a_turned_grid_is_found_to_a_part_of_a_pixel(angle_deg):
    truth = seen(angle_deg)
    grid = find_grid(drawn(truth), "page")
    assert grid.angle_deg == pytest.approx(angle_deg, abs=0.02)
    assert grid.px_per_mm == pytest.approx(3.9, rel=1e-3)
    assert grid_error_px(truth, grid.to_pixels, SHAPE) < 0.3


def test_a_grid_seen_from_aside_is_found_to_a_part_of_a_pixel():
    truth = seen(2.0, aside=(2e-4, -1.5e-4))
    assert grid_error_px(truth, find_grid(drawn(truth), "page").to_pixels, SHAPE) < 0.5


@pytest.mark.parametrize("lines", [{"minor": 0.0}, {"minor": 1.0, "major": 0.0}])
def test_lines_of_one_kind_are_told_apart_by_the_size_of_the_page(lines):
    assert find_grid(drawn(seen(1.0), **lines), "page").px_per_mm == pytest.approx(3.9, rel=2e-3)


def test_a_picture_without_a_grid_is_refused():
    with pytest.raises(DataError, match="page: shows"):
        find_grid(np.random.default_rng(0).random(SHAPE).astype(np.float32), "page")
