"""Arrays of an `.npz` file, each checked by its header before any of it is unpacked."""

import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

MAX_BYTES = 4 * 1024**3
MAX_HEADER = 10_000
KINDS = ("uint8", "int8", "uint16", "int16", "int32", "int64", "float32", "float64")


def list_arrays(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Name of each array in the file to its shape and type; nothing is unpacked but headers.

    Raises:
        DataError: It is no `.npz` file, or holds what is no plain array of numbers or more than 4 GiB.
    """
    with _opened(path) as archive:
        return {name.removesuffix(".npy"): _header(path, archive, name)[:2] for name in archive.namelist()}


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """Arrays by name.

    Raises:
        DataError: As `list_arrays`; an array is missing or not as long as its header says.
    """
    arrays = {}
    with _opened(path) as archive:
        for name in names:
            shape, dtype, start = _header(path, archive, f"{name}.npy")
            size = math.prod(shape) * dtype.itemsize
            try:
                with archive.open(f"{name}.npy") as file:
                    content = _read(file, start + size + 1)
            except (zlib.error, zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
                raise DataError(path.name, f"array {name} is damaged ({type(error).__name__}).") from error
            if len(content) != start + size:
                raise DataError(path.name, f"array {name} holds {len(content) - start} of {size} bytes.")
            arrays[name] = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return arrays


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(path.name, "is no .npz file, or is missing.", "Download it again.") from error
    names = archive.namelist()
    total = sum(entry.file_size for entry in archive.infolist())
    if len(set(names)) != len(names) or len(names) > 1000 or not all(name.endswith(".npy") for name in names):
        raise DataError(path.name, "holds something else than arrays, each once.")
    if total > MAX_BYTES:
        raise DataError(path.name, f"unpacks to {total:,} bytes, more than {MAX_BYTES:,}.")
    return archive


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and the place of the first value of an array in the file."""
    try:
        entry = archive.getinfo(name)
        with archive.open(entry) as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = read(file, max_header_size=MAX_HEADER)
            start = file.tell()
    except KeyError as error:
        raise DataError(path.name, f"holds no array {name.removesuffix('.npy')} of a known version.") from error
    except (OSError, ValueError, EOFError, RecursionError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(path.name, f"array {name} is damaged ({type(error).__name__}).") from error
    if str(dtype) not in KINDS or fortran or min(shape, default=0) < 1:
        raise DataError(path.name, f"array {name} is {dtype} {shape}; plain numbers in C order are read.")
    if start + math.prod(shape) * dtype.itemsize != entry.file_size or entry.file_size > MAX_BYTES:
        raise DataError(path.name, f"array {name} declares {shape} but holds {entry.file_size - start:,} bytes.")
    return shape, dtype, start


def _read(file: IO[bytes], limit: int) -> bytes:
    """At most `limit` bytes: a member may unpack to more than it declares."""
    return file.read(limit)
