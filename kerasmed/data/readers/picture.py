"""PNG and JPEG pictures, read by Pillow after their headers have been held against what is in them."""

import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.readers.grey import refuse_flat, refuse_large, to_full_scale, to_grey, without_alpha
from kerasmed.data.records import Array, ImageRecord
from kerasmed.errors import DataError, MissingPackageError

FORMATS = ("PNG", "JPEG")
SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_BYTES = 512 * 1024**2
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel by the colour type of a PNG (PNG specification 3rd edition, 11.2.1).
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Start and step of the seven passes of an interlaced PNG, in x and in y (8.1).
ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
ORIENTATION = 0x0112
INFLATE_BYTES = 1 << 20


def read_picture(path: Path, name: str | None = None, at_least: tuple[int, int] | None = None) -> ImageRecord:
    """Read a picture as one channel.

    Args:
        path: A PNG or JPEG file, whatever its suffix says.
        name: What it may be called; the file's name where there is none.
        at_least: Width and height below which a JPEG need not be decoded: one far larger is decoded at half, a quarter
            or an eighth of its size, straight from its coefficients. Its `size` is still that of the file.

    Raises:
        DataError: It is no such file, ends early, is larger than 50 million pixels, is in colour or transparent, has
            one bit a pixel, or shows nothing.
        MissingPackageError: Pillow is missing.
    """
    name = name or path.name
    content = read_bytes(path, name)
    if content.startswith(PNG_MAGIC):
        _check_png(name, content)
    image, size = _open(name, content, at_least)
    pixels, mode, notes = _decoded(name, image)
    largest = 65535 if pixels.dtype == np.uint16 else 255
    if mode in ("RGBA", "LA"):
        pixels, said = without_alpha(name, pixels, largest)
        notes += said
    if pixels.ndim == 3:
        pixels, said = to_grey(name, pixels, largest)
        notes += said
    refuse_flat(name, pixels)
    stored_bits = 8
    if pixels.dtype == np.uint16:
        pixels, stored_bits, said = to_full_scale(pixels)
        notes += said
    return ImageRecord(name, pixels, 8 * pixels.itemsize, mode, stored_bits, size, notes)


def read_bytes(path: Path, name: str) -> bytes:
    """A whole regular file.

    Raises:
        DataError: It is none, is empty or is larger than 512 MiB.
    """
    try:
        if not path.is_file():
            raise DataError(name, "is no file.")
        size = path.stat().st_size
        if not 0 < size <= MAX_BYTES:
            raise DataError(name, f"is {size:,} bytes long; pictures have between 1 and {MAX_BYTES:,}.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(name, f"cannot be read: {error.strerror}.") from error


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("pillow", "imaging", "reading pictures") from error
    # Pillow warns of a bomb and goes on; our own limit is lower, and this is for what a header hides from it.
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    return Image


def _open(name: str, content: bytes, at_least: tuple[int, int] | None) -> tuple[Any, tuple[int, int]]:
    pillow = _pillow()
    try:
        image = pillow.open(BytesIO(content), formats=FORMATS)
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError) as error:
        raise DataError(name, "has more pixels than any radiograph.", "Shrink it.") from error
    except (OSError, SyntaxError, ValueError, TypeError, EOFError) as error:
        raise DataError(name, "is no PNG or JPEG picture.") from error
    refuse_large(name, *image.size)
    size = image.size
    if at_least is not None and image.format == "JPEG":
        image.draft(None, at_least)
    return image, size


def _decoded(name: str, image: Any) -> tuple[Array, str, tuple[str, ...]]:
    """Pixels of grey (height, width) or of several channels, the mode of the file, and what was converted."""
    mode = str(image.mode)
    notes: tuple[str, ...] = ()
    if mode not in ("L", "I;16", "RGB", "RGBA", "LA", "P"):
        raise DataError(name, f"is a picture of mode {mode}; grey, RGB and palettes of 8 or 16 bits are read.")
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
        image.load()
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, zlib.error) as error:
        raise DataError(name, f"is damaged ({_reason(error)}).") from error
    if turned:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
        notes = ("turned as its EXIF orientation says",)
    return np.asarray(image.convert("RGB") if mode == "P" else image), mode, notes


def _reason(error: Exception) -> str:
    """What Pillow says where it speaks of the stream alone, else that it cannot be decoded."""
    said = str(error)
    return said if said.startswith(("image file is truncated", "broken data stream")) else "it cannot be decoded"


def _check_png(name: str, content: bytes) -> None:
    """Refuse a PNG that ends early, which Pillow shows with its last rows black, and one that unpacks to too much."""
    header, packed = _png_chunks(name, content)
    width, height = (int.from_bytes(header[at : at + 4]) for at in (0, 4))
    depth, colour, interlaced = header[8], header[9], header[12]
    if colour not in PNG_SAMPLES:
        raise DataError(name, "is a damaged PNG (colour type).")
    refuse_large(name, width, height)
    wanted = _png_bytes(width, height, depth * PNG_SAMPLES[colour], bool(interlaced))
    found = _inflated_bytes(packed, wanted + 1)
    if found != wanted:
        raise DataError(name, f"is damaged: it holds {'more than its' if found > wanted else found} of {wanted} bytes.")


def _png_chunks(name: str, content: bytes) -> tuple[bytes, list[bytes]]:
    """Content of the IHDR chunk and of every IDAT chunk, their checksums compared."""
    at, header, packed = len(PNG_MAGIC), b"", []
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4])
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        stated = content[at + 8 + length : at + 12 + length]
        if len(stated) < 4 or zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(stated):
            raise DataError(name, "is a PNG that ends early or is damaged.")
        if kind == b"IEND":
            break
        header = data if kind == b"IHDR" else header
        packed += [data] if kind == b"IDAT" else []
        at += 12 + length
    else:
        raise DataError(name, "is a PNG that ends early.")
    if len(header) != 13:
        raise DataError(name, "is a PNG without a header.")
    return header, packed


def _png_bytes(width: int, height: int, pixel_bits: int, interlaced: bool) -> int:
    """Bytes of all rows, each behind the byte that names its filter."""
    passes = [(width, height)]
    if interlaced:
        passes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, dx, y, dy in ADAM7]
    return sum(rows * (1 + -(-columns * pixel_bits // 8)) for columns, rows in passes if columns > 0 and rows > 0)


def _inflated_bytes(packed: list[bytes], limit: int) -> int:
    """How many bytes a zlib stream in several pieces unpacks to, counted up to `limit` and never kept."""
    stream, total = zlib.decompressobj(), 0
    try:
        for piece in packed:
            waiting = piece
            while waiting and total < limit and not stream.eof:
                total += len(stream.decompress(waiting, INFLATE_BYTES))
                waiting = stream.unconsumed_tail
        return min(limit, total + (len(stream.flush()) if total < limit else 0))
    except zlib.error:
        return total
