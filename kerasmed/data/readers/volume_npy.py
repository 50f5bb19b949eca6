"""Volumes in `.npy` files: the header is checked before a byte of them is read, and they are mapped, never loaded."""

import math
from pathlib import Path
from typing import Literal

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

SUFFIX = ".npy"
MAX_HEADER = 10_000
MAX_VOXELS = 1 << 30
KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def open_volumes(path: Path, name: str, slices: Literal["first", "last"]) -> Array:
    """A read-only map (n, depth, height, width) of a file with one volume or many.

    Args:
        path: Of the file; its array has three axes, or four with the volumes along the first.
        name: What the file may be called.
        slices: Which axis of a volume counts its slices; it becomes the first.

    Raises:
        DataError: It is no plain file, holds anything but numbers in C order, or not as many as its header declares.
    """
    if not path.is_file():
        raise DataError(name, "is missing or no plain file.", "Check the folder of the dataset.")
    shape, dtype, start = _header(path, name)
    size = path.stat().st_size - start
    if str(dtype) not in KINDS or len(shape) not in (3, 4) or min(shape) < 1:
        raise DataError(
            name,
            f"is {dtype} {shape}.",
            "Volumes are numbers (n, depth, height, width), or one (depth, height, width).",
        )
    if math.prod(shape) * dtype.itemsize != size:
        raise DataError(name, f"declares {shape} of {dtype} but holds {size:,} bytes.", "Copy or download it again.")
    if math.prod(shape[-3:]) > MAX_VOXELS:
        raise DataError(name, f"declares volumes of {shape[-3:]}; more than {MAX_VOXELS:,} voxels are never read.")
    mapped = np.memmap(path, dtype, "r", start, shape if len(shape) == 4 else (1, *shape))
    volumes: Array = mapped if slices == "first" else np.moveaxis(mapped, -1, 1)
    return volumes


def _header(path: Path, name: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and the place of the first value."""
    try:
        with path.open("rb") as file:
            read = HEADERS[np.lib.format.read_magic(file)]
            shape, fortran, dtype = read(file, max_header_size=MAX_HEADER)
            start = file.tell()
    except (OSError, ValueError, KeyError, EOFError, RecursionError, MemoryError, SyntaxError, TypeError) as error:
        raise DataError(name, f"is no .npy file ({type(error).__name__}).", "Write it with numpy.save.") from error
    if fortran:
        raise DataError(name, "is in Fortran order.", "Save numpy.ascontiguousarray of it.")
    return shape, dtype, start
