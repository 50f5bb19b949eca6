"""Writes MATLAB 5 files byte by byte, so that the reader is not judged by the writer of another package alone."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.fakes.wfdb_files import unchanged


def element(kind: int, content: bytes) -> bytes:
    """Tag and content, padded to eight bytes; up to four bytes lie in the tag."""
    if 0 < len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(array_class: int, shape: tuple[int, ...], name: str, *parts: bytes, flags: int = 0) -> bytes:
    """A matrix element of any class."""
    head = element(6, struct.pack("<BBHI", array_class, flags, 0, 0))
    head += element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name.encode())
    return element(14, head + b"".join(parts))


def doubles(values: np.ndarray, name: str = "") -> bytes:
    """A matrix of doubles."""
    return matrix(6, values.shape, name, element(9, values.astype("<f8").tobytes(order="F")))


def text(value: str) -> bytes:
    """A row of characters."""
    return matrix(4, (1, len(value)), "", element(16, value.encode()))


def ecg_struct(data: bytes, sex: str = "Male") -> bytes:
    """The challenge's variable: a struct of sex, age and data."""
    names = b"".join(field.ljust(8, b"\0") for field in (b"sex", b"age", b"data"))
    age = matrix(9, (1, 1), "", element(2, bytes([52])))
    return matrix(2, (1, 1), "ECG", element(5, struct.pack("<i", 8)), element(1, names), text(sex), age, data)


def packed(variable: bytes) -> bytes:
    """A variable as a compressed element, which is not padded."""
    content = zlib.compress(variable)
    return struct.pack("<II", 15, len(content)) + content


def write_mat(path: Path, *variables: bytes, content: Callable[[bytes], bytes] = unchanged) -> Path:
    """A file of the variables; `content` may put in a fault."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(content(header + b"".join(variables)))
    return path


def write_cpsc_mat(path: Path, signal_mv: np.ndarray, content: Callable[[bytes], bytes] = unchanged) -> Path:
    """A record of the challenge of 2018 from its signal (num_samples, 12)."""
    return write_mat(path, packed(ecg_struct(doubles(np.asarray(signal_mv).T))), content=content)
