"""The grid of the paper: its angle, its spacing, and the map from pixels to millimetres.

A grid is two waves. Its spectrum tells direction and spacing; the phase of either wave, measured in small tiles, tells
where each tile lies on the paper, and eight numbers (a homography) are fitted to the phases.
"""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

LARGEST_ANGLE_DEG = 15.0
ANGLE_STEP_DEG = 0.25
# A sheet of ECG paper is about so wide; it decides whether lines are 1 mm or 5 mm apart where only one kind is seen.
USUAL_WIDTH_MM = 280.0
TILE = 1024
SHORTEST_PX = 2.4
TILE_MM = 2.0
MAJOR_MM = 5.0
# From so many tiles on, perspective can be told from noise; without it the middle of the page alone is flat enough.
FREE_TILES = 150
# Peaks of a spectrum without a grid stay below this (logarithm of power over its surroundings).
FAINTEST = 3.0


@dataclass(frozen=True)
class Grid:
    """Where the paper lies in the picture.

    Attributes:
        to_pixels: float64 (3, 3), millimetres on the paper (x right, y down) to pixels (x right, y down).
        px_per_mm: Pixels of a millimetre in the middle of the page.
        angle_deg: Rotation of the paper, counter-clockwise positive.
        error_px: Root mean square distance of the measured lines from the fitted ones.
        seen_rate: Share of the page whose grid could be measured.
    """

    to_pixels: Array
    px_per_mm: float
    angle_deg: float
    error_px: float
    seen_rate: float


def find_grid(grid: Array, name: str, near_deg: float | None = None) -> Grid:
    """Find the grid in a map of grid lines.

    Args:
        grid: float32 (H, W), large on lines.
        name: Of the page, for errors.
        near_deg: The angle that a network saw; only angles near it are looked at.

    Raises:
        DataError: No grid of ECG paper can be seen.
    """
    if grid.max() - grid.min() < 1e-3:
        raise DataError(name, "shows no grid of ECG paper.", "Give a page whose grid lines can be seen.")
    power = _spectrum(grid)
    angle_deg, spacing_px = _angle_and_spacing(power, grid.shape, near_deg, name)
    return _fit(grid, angle_deg, spacing_px, name)


def project(matrix: Array, points: Array) -> Array:
    """Points (..., 2) through a homography (3, 3)."""
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(lifted[..., :2] / lifted[..., 2:])


def _spectrum(grid: Array) -> Array:
    """Mean power spectrum of tiles of the page, (TILE, TILE), zero frequency in the middle, its slope taken out."""
    size = TILE
    window = np.outer(np.hanning(size), np.hanning(size))
    height, width = grid.shape
    power = np.zeros((size, size))
    for top in _starts(height, size):
        for left in _starts(width, size):
            tile = np.zeros((size, size))
            part = grid[top : top + size, left : left + size]
            tile[: part.shape[0], : part.shape[1]] = part - part.mean()
            power += np.abs(np.fft.fft2(tile * window)) ** 2
    return np.fft.fftshift(power)


def _starts(length: int, size: int) -> list[int]:
    if length <= size:
        return [0]
    count = -(-2 * (length - size) // size) + 1
    return np.linspace(0, length - size, count).round().astype(int).tolist()


def _angle_and_spacing(power: Array, shape: tuple[int, ...], near_deg: float | None, name: str) -> tuple[float, float]:
    """The angle whose two rays through the spectrum hold the sharpest peaks, and the pixels of a millimetre."""
    limit = LARGEST_ANGLE_DEG if near_deg is None else 2.0
    angles = np.arange(-limit, limit + 1e-6, ANGLE_STEP_DEG) + (near_deg or 0.0)
    rays = [_ray(power, angle) for angle in angles]
    best = int(np.argmax([np.sort(strength)[-6:].sum() for _, strength in rays]))
    ray = rays[best][0]
    px_per_mm = _spacing(ray, max(shape)) if ray.max() > FAINTEST else None
    if px_per_mm is None:
        raise DataError(name, "shows no grid of ECG paper.", "Give a page whose grid lines can be seen.")
    return float(angles[best]), px_per_mm


def _ray(power: Array, angle_deg: float) -> tuple[Array, Array]:
    """Peaks of the spectrum along a direction and across it, at steps of half a bin: over what is around, and as such.

    The first, a logarithm, sees weak lines beside strong ones; the second is not led astray by faint echoes of lines
    that are closer together than two pixels.
    """
    from scipy import ndimage

    steps = np.arange(2 * int(TILE / SHORTEST_PX)) / 2
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    centre = TILE // 2
    over, strength = [], []
    # Counter-clockwise as seen: the x axis of the paper points to (cos, -sin) of the picture.
    for x, y in ((cos, -sin), (sin, cos)):
        line = ndimage.map_coordinates(power, [centre + steps * y, centre + steps * x], order=1, mode="constant")
        floor = ndimage.median_filter(line, 41, mode="nearest") + 1e-9 * power.max()
        over.append(np.log1p(np.maximum(line / floor - 1, 0)))
        strength.append(np.sqrt(np.maximum(line - floor, 0)))
    found = [np.minimum(one, other) + 0.25 * (one + other) for one, other in (over, strength)]
    for ray in found:
        ray[:8] = 0
    return found[0], found[1]


def _spacing(ray: Array, wide_px: int) -> float | None:
    """Pixels of a millimetre: most peaks lie on lines 1 mm or 5 mm apart, and the page has a usual size.

    Where only one kind of line is seen, the size decides which of both it is.
    """
    top = max(float(ray.max()), 1e-9)
    peaks = np.flatnonzero((ray > max(0.4 * top, 1.0)) & (ray >= np.roll(ray, 1)) & (ray >= np.roll(ray, -1)))
    places = np.array([_refined(ray, int(peak)) for peak in peaks])
    best, found = -np.inf, None
    for part in np.arange(1, 16) / MAJOR_MM:
        for px_per_mm in 2 * TILE / places * part:
            width_mm = wide_px / px_per_mm
            if not USUAL_WIDTH_MM / 2.4 <= width_mm <= USUAL_WIDTH_MM * 3:
                continue
            unit = 2 * TILE / px_per_mm  # place of lines 1 mm apart
            on_minor, on_major = (
                (np.abs(places / size - np.round(places / size)) * size < 1.5) & (np.round(places / size) > 0)
                for size in (unit, unit / MAJOR_MM)
            )
            told = (ray[peaks] * np.where(on_minor, 1.0, 0.7 * on_major)).sum() / ray[peaks].sum()
            teeth = np.array([_height(ray, number * unit / MAJOR_MM) for number in range(1, 6)]) / top
            score = told + teeth[-1] + 0.5 * teeth.mean() - 0.5 * abs(np.log(width_mm / USUAL_WIDTH_MM))
            if score > best:
                best, found = score, float(px_per_mm)
    return found


def _height(ray: Array, place: float) -> float:
    at = round(place)
    return float(ray[at - 1 : at + 2].max()) if 1 <= at < len(ray) - 1 else 0.0


def _refined(ray: Array, at: int) -> float:
    weights = ray[at - 2 : at + 3]
    return float(at + (weights * np.arange(-2, 3)).sum() / weights.sum())


def _fit(grid: Array, angle_deg: float, px_per_mm: float, name: str) -> Grid:
    """Fit the homography to the phases of both waves, from the middle of the page outwards."""
    height, width = grid.shape
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    # Wave vectors in cycles (of 1 mm) a pixel; the y axis of pixels points down.
    waves = np.array([[cos, -sin], [sin, cos]]) / px_per_mm
    waves = waves + _slopes(_tiles(grid, waves, px_per_mm)[0], px_per_mm)
    phases, weights, at = _phases(grid, waves, px_per_mm)
    middle = np.array([width / 2, height / 2])
    reach = np.linalg.norm(at - middle, axis=1)
    to_mm = np.zeros((3, 3))  # of pixels from the middle of the page
    to_mm[:2, :2], to_mm[2, 2] = waves, 1.0
    strong = weights > 0.3 * np.median(np.sort(weights)[-len(weights) // 2 :])
    start = np.argsort(np.where(strong, reach, np.inf))[:25]
    to_mm[:2, 2] = _offset(to_mm, at[start] - middle, phases[start])
    free = False
    for radius in np.linspace(0.12, 1.05, 32) * np.hypot(height, width) / 2:
        inside = strong & (reach <= radius)
        if inside.sum() < 25:
            continue
        free = free or inside.sum() >= FREE_TILES
        for _ in range(2):
            to_mm, off = _refit(to_mm, at[inside] - middle, phases[inside], weights[inside], free)
    fits = np.abs(off).max(axis=1) < 0.25
    if not inside.any() or fits.mean() < 0.3:
        raise DataError(name, "shows lines, but no grid that goes over the page.", "Give a page with a visible grid.")
    shift = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1.0]])
    to_pixels = np.linalg.inv(to_mm @ shift)
    to_pixels /= to_pixels[2, 2]
    error_px = float(np.sqrt((off[fits] ** 2).mean())) * px_per_mm
    return Grid(to_pixels, *_scale_and_angle(to_pixels, middle), error_px, float(strong.mean()))


def _slopes(tiles: Array, px_per_mm: float) -> Array:
    """What the two waves have to be changed by, in cycles a pixel (2, 2), as neighbouring tiles of the middle tell.

    From aside a page may look shorter one way than the other; the spectrum of both ways knows only their mean.
    """
    rows, columns = tiles.shape[1:]
    middle = tiles[:, rows // 5 : rows - rows // 5, columns // 5 : columns - columns // 5]
    across = np.angle((middle[:, :, 1:] * middle[:, :, :-1].conj()).sum(axis=(1, 2)))
    down = np.angle((middle[:, 1:] * middle[:, :-1].conj()).sum(axis=(1, 2)))
    return np.stack([across, down], axis=1) / (2 * np.pi) / _tile_px(px_per_mm)


def _tile_px(px_per_mm: float) -> int:
    return max(2, round(TILE_MM * px_per_mm))


def _phases(grid: Array, waves: Array, px_per_mm: float) -> tuple[Array, Array, Array]:
    """Phases (n, 2) in cycles of the two waves in tiles of the page, weights (n,), and the tiles' middles (n, 2)."""
    tiles, at = _tiles(grid, waves, px_per_mm)
    turned = tiles.reshape(2, -1).T
    return np.angle(turned) / (2 * np.pi) + at @ waves.T, np.abs(turned).min(axis=1), at


def _tiles(grid: Array, waves: Array, px_per_mm: float) -> tuple[Array, Array]:
    """The complex rest (2, rows, columns) of the two waves in tiles of the page; the tiles' middles (n, 2)."""
    from scipy import ndimage

    height, width = grid.shape
    step = _tile_px(px_per_mm)
    rows, columns = height // step, width // step
    y, x = np.arange(rows * step, dtype=np.float64), np.arange(columns * step, dtype=np.float64)
    part = grid[: rows * step, : columns * step].astype(np.float32)
    part = part - ndimage.uniform_filter(part, 2 * step + 1)
    found = []
    for wave in waves:
        carrier_x = np.exp(-2j * np.pi * wave[0] * x).astype(np.complex64)
        carrier_y = np.exp(-2j * np.pi * wave[1] * y).astype(np.complex64)
        turned = part * carrier_x[None] * carrier_y[:, None]
        coarse = turned.reshape(rows, step, columns, step).mean(axis=(1, 3))
        smooth = ndimage.gaussian_filter(coarse.real, 1.5) + 1j * ndimage.gaussian_filter(coarse.imag, 1.5)
        found.append(smooth)
    centre_y, centre_x = (np.arange(rows) + 0.5) * step - 0.5, (np.arange(columns) + 0.5) * step - 0.5
    at = np.stack(np.meshgrid(centre_x, centre_y), axis=-1).reshape(-1, 2)
    return np.stack(found), at


def _offset(to_mm: Array, at: Array, phases: Array) -> Array:
    """Millimetres at the middle of the page, so that lines lie on whole ones."""
    off = np.exp(2j * np.pi * (phases - project(to_mm, at)))
    return np.asarray(np.angle(off.mean(axis=0)) / (2 * np.pi))


def _refit(to_mm: Array, at: Array, phases: Array, weights: Array, free: bool) -> tuple[Array, Array]:
    """One step of the fit: the homography, or the affine map where not `free`, and what is off in mm (n, 2)."""
    guess = project(to_mm, at)
    off = phases - guess
    off -= np.round(off)
    weight = weights[:, None] * (np.abs(off) < 0.25)
    millimetres = guess + off
    x, y = at.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    lines, values, factors = [], [], []
    for axis in (0, 1):
        u = millimetres[:, axis]
        own = [x, y, one] if axis == 0 else [zero, zero, zero]
        other = [zero, zero, zero] if axis == 0 else [x, y, one]
        lines.append(np.stack([*own, *other, -u * x, -u * y], axis=1)[:, : 8 if free else 6])
        values.append(u)
        factors.append(weight[:, axis])
    scale = np.concatenate(factors)[:, None]
    matrix = np.concatenate(lines) * scale
    norm = np.abs(matrix).max(axis=0) + 1e-12
    matrix = matrix / norm
    solved = np.linalg.solve(matrix.T @ matrix, matrix.T @ (np.concatenate(values) * scale[:, 0])) / norm
    fitted = np.array([*solved, *([0.0, 0.0] if not free else []), 1.0]).reshape(3, 3)
    off = phases - project(fitted, at)
    return fitted, off - np.round(off)


def _scale_and_angle(to_pixels: Array, middle: Array) -> tuple[float, float]:
    """Pixels of a millimetre and the angle of the x axis in the middle of the page."""
    there = project(np.linalg.inv(to_pixels), middle)
    ends = project(to_pixels, there + np.array([[-10.0, 0], [10, 0], [0, -10], [0, 10]]))
    across, down = ends[1] - ends[0], ends[3] - ends[2]
    px_per_mm = (np.hypot(*across) + np.hypot(*down)) / 40
    return float(px_per_mm), float(np.rad2deg(np.arctan2(-across[1], across[0])))
