"""One channel of a picture that may have several, and one scale of values that may have any depth."""

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

MAX_PIXELS = 50_000_000
DEPTHS = (8, 10, 12, 14, 16)
FEWER_BITS = "values of a 16-bit file fit {} bits and were taken as such"
# ITU-R BT.601, as JPEG makes its luma.
LUMA = (0.299, 0.587, 0.114)
# JPEG's own rounding moves channels of a grey picture apart by a few steps of 255; colour by tens.
COLOUR = 32 / 255
MAX_COLOUR_RATE = 0.02


def refuse_large(name: str, width: int, height: int) -> None:
    """Raise `DataError` where a picture is none or has more than `MAX_PIXELS`."""
    if width < 1 or height < 1:
        raise DataError(name, f"is {width} x {height} pixels large.")
    if width * height > MAX_PIXELS:
        raise DataError(name, f"is {width} x {height} pixels large; at most {MAX_PIXELS:,} are read.", "Shrink it.")


def refuse_flat(name: str, pixels: Array) -> None:
    """Raise `DataError` where every pixel has the same value."""
    if pixels.min() == pixels.max():
        raise DataError(name, f"shows nothing: every pixel has the value {pixels.flat[0]}.")


def to_grey(name: str, colours: Array, largest: int) -> tuple[Array, tuple[str, ...]]:
    """The grey picture in a picture of three channels.

    Args:
        name: Of the picture.
        colours: uint8 or uint16 (height, width, 3).
        largest: Value of white.

    Returns:
        (height, width) of the same type, and what was done.

    Raises:
        DataError: The picture is one of colours; radiographs are grey.
    """
    red, green, blue = (colours[..., place] for place in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(red), ("three equal channels, of which one was taken",)
    spread = colours.max(axis=-1) - colours.min(axis=-1)
    rate = float((spread > COLOUR * largest).mean())
    if rate > MAX_COLOUR_RATE:
        raise DataError(name, f"is a picture in colour ({100 * rate:.0f} % of its pixels); radiographs are grey.")
    grey = np.rint(colours @ np.array(LUMA, np.float32)).astype(colours.dtype)
    return grey, ("colour channels were weighted to grey (ITU-R BT.601)",)


def without_alpha(name: str, channels: Array, largest: int) -> tuple[Array, tuple[str, ...]]:
    """All channels but the last, the opacity; `DataError` where it lets anything shine through."""
    clear = channels[..., -1] != largest
    if clear.any():
        raise DataError(name, f"is transparent in {int(clear.sum())} pixels.", "Store it without an alpha channel.")
    rest = channels[..., :-1]
    return (rest[..., 0] if rest.shape[-1] == 1 else rest), ("the alpha channel, opaque everywhere, was dropped",)


def to_full_scale(pixels: Array) -> tuple[Array, int, tuple[str, ...]]:
    """Pixels of a 16-bit file that does not say how many bits it uses, over all 16.

    Returns:
        uint16 of the same shape, the bits that were in use, and what was done: the least of 8, 10, 12, 14 and 16 bits
        that hold the largest value are taken for the depth, since 12 bits shown as 16 would be nearly black.
    """
    used = used_bits(pixels)
    if used == 16:
        return pixels, 16, ()
    scaled = np.rint(pixels.astype(np.float32) * np.float32(65535 / (2**used - 1))).astype(np.uint16)
    return scaled, used, (FEWER_BITS.format(used),)


def used_bits(pixels: Array) -> int:
    """The least of 8, 10, 12, 14 and 16 bits that hold the largest of unsigned values."""
    return next(depth for depth in DEPTHS if int(pixels.max(initial=0)) < 2**depth)
