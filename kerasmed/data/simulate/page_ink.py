"""Antialiased lines, areas and words on a page, given in mm and seen through a homography.

Everything is drawn in its place in the picture, by matplotlib's Agg renderer, instead of being drawn flat and warped: a
line stays as sharp and as wide as it is meant, and the truth is that of the very points that were drawn. Pixel (row,
column) has its centre at y = row, x = column. Fonts are those that matplotlib ships.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from kerasmed.data.records import Array

FONTS = ("DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif", "STIXGeneral")
Colour = tuple[float, float, float]
_POINTS = 72  # of dots per inch: one point is one pixel


def map_points(homography: Array, points: Array) -> Array:
    """Points seen through a homography: float64 (n, 2) to float64 (n, 2)."""
    seen = points @ homography[:, :2].T + homography[:, 2]
    return seen[:, :2] / seen[:, 2:]


class Canvas:
    """A picture of (height, width) to draw on; starts empty."""

    def __init__(self, height: int, width: int, homography: Array) -> None:
        from matplotlib.backends.backend_agg import RendererAgg

        self.homography = homography
        self._height = height
        self._agg: Any = RendererAgg(width, height, _POINTS)

    def lines(
        self, lines_mm: Sequence[Array], width_px: float, colour: Colour, alpha: float = 1.0, dash: Any = None
    ) -> None:
        """Draw lines, each (n, 2) in mm; of `dash` the lengths in px of line and gap."""
        self._draw(lines_mm, width_px, colour, alpha, dash, None)

    def areas(self, outlines_mm: Sequence[Array], colour: Colour, alpha: float = 1.0) -> None:
        """Fill areas, each given by its corners (n, 2) in mm."""
        self._draw([np.vstack([each, each[:1]]) for each in outlines_mm], 0.0, colour, alpha, None, (*colour, alpha))

    def words(self, text: str, x_mm: float, y_mm: float, height_mm: float, font: str, colour: Colour) -> None:
        """Write a line of text whose capitals are about `height_mm` high, from the left end of its base line."""
        vertices, codes = _outline(text, font)
        placed = vertices * [height_mm, -height_mm] + [x_mm, y_mm]
        self._path(self._seen(placed), codes, 0.0, colour, 1.0, None, (*colour, 1.0))

    def rgba(self) -> Array:
        """uint8 (height, width, 4), not premultiplied; a view that the next drawing changes."""
        return np.asarray(self._agg.buffer_rgba())

    def clear(self) -> None:
        """Start anew."""
        self._agg.clear()

    def _seen(self, points_mm: Array) -> Array:
        points = map_points(self.homography, points_mm) + 0.5
        points[:, 1] = self._height - points[:, 1]
        return points

    def _draw(self, lines: Sequence[Array], width: float, colour: Colour, alpha: float, dash: Any, face: Any) -> None:
        lines = [line for line in lines if len(line) > 1]
        if not lines:
            return
        codes = np.full(sum(map(len, lines)), 2, np.uint8)
        codes[np.cumsum([0, *map(len, lines[:-1])])] = 1
        self._path(self._seen(np.vstack(lines)), codes, width, colour, alpha, dash, face)

    def _path(
        self, points: Array, codes: Array, width: float, colour: Colour, alpha: float, dash: Any, face: Any
    ) -> None:
        from matplotlib.path import Path
        from matplotlib.transforms import IdentityTransform

        context = self._agg.new_gc()
        context.set_linewidth(width)
        context.set_foreground((*colour, alpha), isRGBA=True)
        context.set_snap(False)
        context.set_joinstyle("round")
        context.set_capstyle("round" if dash is None else "butt")
        if dash is not None:
            context.set_dashes(0, dash)
        path = Path(points, codes)
        path.should_simplify = False
        self._agg.draw_path(context, path, IdentityTransform(), face)


@lru_cache(maxsize=512)
def _outline(text: str, font: str) -> tuple[Array, Array]:
    """Vertices and codes of a text whose capitals are about 1 high."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), text, size=100, prop=FontProperties(family=font), usetex=False)
    return np.asarray(path.vertices) / 73.0, np.asarray(path.codes)
