"""What lies where on a page: trace, grid and zero lines, found without a network by colour and darkness."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array

# Paper is brighter than what is printed on it: of each block of so many parts of the page a high percentile is paper.
BLOCKS, PAPER_PERCENTILE = 60, 85


@dataclass(frozen=True)
class PageMaps:
    """Maps of a page at its own pixels, whoever made them.

    Attributes:
        trace: float32 (H, W) in 0..1, ink of any lead.
        grid: float32 (H, W) in 0..1, lines of the paper.
        baseline: float32 (H, W) in 0..1, lines of zero mV; None where the maker cannot tell.
        angle_deg: Rotation of the page, counter-clockwise positive; None where the maker cannot tell.
        maker: Who made them ("colour and darkness", or the version of a network).
        is_darkness: `trace` is how dark a pixel is and no probability: a dark grid is in it, too.
        read_strip: From a row's zero line (y at column 0, slope) and how far to look (pixels), where its trace runs and
            how sure that is, both (W,); None where the maker cannot tell rows apart.
    """

    trace: Array
    grid: Array
    baseline: Array | None = None
    angle_deg: float | None = None
    maker: str = "colour and darkness"
    is_darkness: bool = False
    read_strip: Callable[[float, float, float], tuple[Array, Array]] | None = None


def maps_by_darkness(pixels: Array) -> PageMaps:
    """Maps of a page by two facts: a trace is dark in every colour, and a grid in at least one.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        Maps without zero lines and angle. Printed text, handwriting and black grids look like traces to it.
    """
    light = pixels.astype(np.float32)
    paper = _paper(light)
    dark = np.clip(1 - light / np.maximum(paper, 1), 0, 1)
    weakest, strongest = dark.min(axis=2), dark.max(axis=2)
    # What is dark over millimetres is a stain, a crease or the desk, not a line.
    size = max(3, round(max(pixels.shape[:2]) / 200))
    dark = np.stack([weakest - _opened(weakest, size), strongest - _opened(strongest, size)])
    return PageMaps(dark[0], dark[1], is_darkness=True)


def _opened(dark: Array, size: int) -> Array:
    from scipy import ndimage

    return np.asarray(ndimage.maximum_filter(ndimage.minimum_filter(dark, size), size))


def _paper(light: Array) -> Array:
    """Brightness of the bare paper around each pixel, float32 (H, W, 3)."""
    from scipy import ndimage

    height, width, channels = light.shape
    step = max(4, max(height, width) // BLOCKS)
    rows, columns = -(-height // step), -(-width // step)
    padded = np.pad(light, ((0, rows * step - height), (0, columns * step - width), (0, 0)), mode="edge")
    blocks = padded.reshape(rows, step, columns, step, channels).swapaxes(1, 2).reshape(rows, columns, -1, channels)
    coarse = ndimage.gaussian_filter(np.percentile(blocks, PAPER_PERCENTILE, axis=2), (1, 1, 0))
    y, x = (np.arange(height) + 0.5) / step - 0.5, (np.arange(width) + 0.5) / step - 0.5
    grid = np.meshgrid(y, x, indexing="ij")
    planes = [ndimage.map_coordinates(coarse[..., c], grid, order=1, mode="nearest") for c in range(channels)]
    return np.stack(planes, axis=2).astype(np.float32)
