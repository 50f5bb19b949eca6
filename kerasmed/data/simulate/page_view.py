"""From where a page is seen: the homography from its millimetres to the pixels of the picture."""

import numpy as np

from kerasmed.config.pages import Distortions
from kerasmed.data.records import Array
from kerasmed.data.simulate.page_ink import map_points


def fit_homography(points: Array, seen: Array) -> Array:
    """The homography that maps four points to four others: float64 (4, 2), (4, 2) to (3, 3) with 1 in its corner."""
    rows = []
    for (x, y), (u, v) in zip(points, seen, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.append(np.linalg.solve(np.array(rows), seen.ravel()), 1.0).reshape(3, 3)


def view_page(
    size_mm: tuple[float, float],
    shape_px: tuple[int, int],
    turn_deg: float,
    zoom: float,
    shift_px: Array,
    bend_px: Array,
) -> Array:
    """Homography of a page that fills a picture, then is turned, zoomed, moved and seen from aside.

    Args:
        size_mm: Width and height of the page.
        shape_px: Height and width of the picture.
        turn_deg: Counter-clockwise as seen.
        zoom: 1 shows the whole page as large as it can be.
        shift_px: (2,), x and y.
        bend_px: (4, 2), by how much each corner moves besides: top left, top right, bottom right, bottom left.
    """
    width, height = size_mm
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    scale = zoom * min(shape_px[1] / width, shape_px[0] / height)
    turn = np.deg2rad(turn_deg)
    turned = (corners - [width / 2, height / 2]) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    middle = np.array([(shape_px[1] - 1) / 2, (shape_px[0] - 1) / 2])
    return fit_homography(corners, turned * scale + middle + shift_px + bend_px)


def draw_view(
    size_mm: tuple[float, float], shape_px: tuple[int, int], amounts: Distortions, rng: np.random.Generator
) -> Array:
    """Choose from where a page is seen."""
    turn = amounts.rotation * (rng.uniform(-1, 1) if rng.random() < 0.5 else 0.3 * rng.uniform(-1, 1))
    zoom = 1 + amounts.zoom * rng.uniform(-1, 0.3)
    shift = amounts.zoom * 0.3 * shape_px[1] * rng.uniform(-1, 1, 2)
    bend = amounts.perspective * shape_px[1] * rng.uniform(-1, 1, (4, 2))
    return view_page(size_mm, shape_px, turn, zoom, shift, bend)


def angle_deg(homography: Array, size_mm: tuple[float, float]) -> float:
    """By how much the middle of the page is turned, counter-clockwise as seen."""
    across = _steps(homography, size_mm)[0]
    return float(np.rad2deg(np.arctan2(-across[1], across[0])))


def px_per_mm(homography: Array, size_mm: tuple[float, float]) -> float:
    """Pixels to a millimetre in the middle of the page: the root of what a square millimetre covers."""
    return float(np.sqrt(abs(np.linalg.det(_steps(homography, size_mm)))))


def _steps(homography: Array, size_mm: tuple[float, float]) -> Array:
    """Where one millimetre to the right, and one down, leads from the middle of the page: px, (2, 2)."""
    middle = np.array(size_mm) / 2
    steps = np.array([[0.5, 0.0], [0.0, 0.5]])
    return map_points(homography, middle + steps) - map_points(homography, middle - steps)
