"""Pictures in another size, without aliasing. Arrays are uint8 or uint16 (height, width)."""

from typing import Literal

import numpy as np

from kerasmed.data.records import Array


def fit_into(pixels: Array, height: int, width: int, method: Literal["area", "lanczos"] = "area") -> Array:
    """A picture shrunk or enlarged until it fits, its aspect kept, in the middle of black.

    Args:
        pixels: uint8 or uint16 (height, width).
        height: Of the result.
        width: Of the result.
        method: "area" averages over what a new pixel covers; "lanczos" is sharper and may ring at edges.
    """
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner = max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale))
    resized = pixels if inner == pixels.shape else _resized(pixels, *inner, method)
    if inner == (height, width):
        return np.ascontiguousarray(resized)
    framed = np.zeros((height, width), pixels.dtype)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    framed[top : top + inner[0], left : left + inner[1]] = resized
    return framed


def shrink(pixels: Array, height: int, width: int) -> Array:
    """`pixels` in exactly this size, whatever its aspect was."""
    return _resized(pixels, height, width, "area")


def to_depth(pixels: Array, bits: int) -> Array:
    """The same picture over the whole range of `bits`, 8 or 16."""
    if bits == 8 * pixels.itemsize:
        return pixels
    if bits == 16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _resized(pixels: Array, height: int, width: int, method: str) -> Array:
    from PIL import Image

    enlarges = height > pixels.shape[0] or width > pixels.shape[1]
    # The mean over less than a pixel is that pixel: enlarged by area a picture would turn into blocks.
    area = Image.Resampling.BILINEAR if enlarges else Image.Resampling.BOX
    kernel = Image.Resampling.LANCZOS if method == "lanczos" else area
    resized: Array = np.asarray(Image.fromarray(pixels).resize((width, height), kernel))
    return resized
