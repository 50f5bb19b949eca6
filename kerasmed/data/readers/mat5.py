"""MATLAB 5 files as data: structs, numbers and text, within stated sizes; nothing else in such a file is looked at.

The layout is that of "MAT-File Format" (The MathWorks), level 5. `scipy.io.loadmat` is the reference that tests compare
with; it unpacks whatever size a file declares and raises many unrelated exceptions, which here are one `DataError`.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.records import Array
from kerasmed.errors import DataError

MAX_FILE_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 64 << 20  # twelve leads of ten minutes at 500 Hz take 29 MB
MAX_FIELDS = 64
MAX_AXES = 8
HEADER_BYTES, TAG_BYTES, NAME_BYTES = 128, 8, 32
VERSION, LITTLE_ENDIAN = 0x0100, b"IM"
# Numbers of data types and of array classes.
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
MATRIX, COMPRESSED, UINT32, INT32, INT8 = 14, 15, 6, 5, 1
STRUCT, CHAR = 2, 4
CLASSES = {6: "<f8", 7: "<f4", 8: "i1", 9: "u1", 10: "<i2", 11: "<u2", 12: "<i4", 13: "<u4", 14: "<i8", 15: "<u8"}
COMPLEX = 0x08


class _BrokenError(Exception):
    """The bytes are not what the format asks for."""


@dataclass(frozen=True)
class _Element:
    kind: int
    content: memoryview


def read_struct(path: Path, name: str) -> Mapping[str, Any]:
    """The fields of the one struct called `name` in a MATLAB 5 file.

    Returns:
        Field name to a numeric array in its MATLAB shape, or to text.

    Raises:
        DataError: The file is no MATLAB 5 file, is damaged or larger than the limits, has no such variable, or that is
            something else than a single struct of numbers and text.
    """
    content = memoryview(read_local(path, MAX_FILE_BYTES))
    try:
        variables = dict(_matrix(element, depth=0) for element in _variables(content))
    except _BrokenError as error:
        raise DataError(path.name, f"is no sound MATLAB 5 file: {error}.", "Fetch it again.") from error
    if name not in variables:
        raise DataError(path.name, f"has no variable {name!r}.")
    fields = variables[name]
    if not isinstance(fields, Mapping):
        raise DataError(path.name, f"{name} is no struct of one element.")
    return fields


def _variables(content: memoryview) -> Iterator[memoryview]:
    """The content of each matrix at the top of a file, unpacked."""
    if len(content) < HEADER_BYTES or bytes(content[126:128]) != LITTLE_ENDIAN:
        raise _BrokenError("its header is missing")
    if struct.unpack_from("<H", content, 124)[0] != VERSION:
        raise _BrokenError("it is of another version")
    budget = MAX_UNPACKED_BYTES
    rest = content[HEADER_BYTES:]
    while len(rest):
        kind, size = _long_tag(rest)
        packed = rest[TAG_BYTES : TAG_BYTES + size]
        rest = rest[TAG_BYTES + size :]
        if kind == COMPRESSED:
            unpacked = _unpack(packed, budget)
            budget -= len(unpacked)
            element = _only(memoryview(unpacked))
        else:
            element = _Element(kind, packed)
        if element.kind != MATRIX:
            raise _BrokenError(f"it holds an element of type {element.kind}")
        yield element.content


def _unpack(packed: memoryview, budget: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(packed, max(budget, 1))
    except zlib.error as error:
        raise _BrokenError("a packed part is damaged") from error
    if stream.unconsumed_tail:
        raise _BrokenError(f"it takes more than {MAX_UNPACKED_BYTES >> 20} MB")
    if not stream.eof:
        raise _BrokenError("it ends within a packed part")
    return unpacked


def _long_tag(content: memoryview) -> tuple[int, int]:
    if len(content) < TAG_BYTES:
        raise _BrokenError("it ends within a tag")
    kind, size = struct.unpack_from("<II", content)
    if TAG_BYTES + size > len(content):
        raise _BrokenError("it was cut off")
    return kind, size


def _elements(content: memoryview) -> Iterator[_Element]:
    """The elements that `content` is made of, each padded to eight bytes."""
    while len(content):
        if len(content) < TAG_BYTES:
            raise _BrokenError("it ends within a tag")
        kind, small = struct.unpack_from("<HH", content)
        if small:  # up to four bytes lie in the tag itself
            if small > 4:
                raise _BrokenError("a short element is too long")
            yield _Element(kind, content[4 : 4 + small])
            content = content[TAG_BYTES:]
        else:
            kind, size = _long_tag(content)
            yield _Element(kind, content[TAG_BYTES : TAG_BYTES + size])
            content = content[TAG_BYTES + -(-size // 8) * 8 :]


def _only(content: memoryview) -> _Element:
    return next(_elements(content), _Element(0, content[:0]))


def _matrix(content: memoryview, depth: int) -> tuple[str, Any]:
    """Name and value of a matrix; the value of what is neither number, text nor a single struct is None."""
    parts = _elements(content)
    flags = _next(parts, UINT32, "flags")
    if len(flags) < 4:
        raise _BrokenError("an array has no flags")
    array_class, is_complex = flags[0], bool(flags[1] & COMPLEX)
    shape = tuple(np.frombuffer(_whole(_next(parts, INT32, "shape"), 4), "<i4").tolist())
    if not 2 <= len(shape) <= MAX_AXES or min(shape) < 0 or prod(shape) > MAX_UNPACKED_BYTES:
        raise _BrokenError(f"an array has shape {shape}")
    name = bytes(_next(parts, INT8, "name")).decode("latin-1")
    if array_class in CLASSES and not is_complex:
        return name, _numbers(next(parts, None), shape, CLASSES[array_class])
    if array_class == CHAR:
        return name, _text(next(parts, None))
    if array_class == STRUCT and prod(shape) == 1 and depth == 0:
        return name, _struct(parts)
    return name, None


def _struct(parts: Iterator[_Element]) -> dict[str, Any]:
    width = _next(parts, INT32, "length of field names")
    if len(width) != 4 or not 0 < struct.unpack("<i", width)[0] <= NAME_BYTES * 2:
        raise _BrokenError("a struct has no length of field names")
    length = struct.unpack("<i", width)[0]
    joined = bytes(_next(parts, INT8, "field names"))
    names = [joined[at : at + length].split(b"\0")[0].decode("latin-1") for at in range(0, len(joined), length)]
    if len(names) > MAX_FIELDS or len(set(names)) != len(names):
        raise _BrokenError("a struct has too many fields, or one twice")
    return {name: _matrix(_next(parts, MATRIX, f"field {name!r}"), depth=1)[1] for name in names}


def _next(parts: Iterator[_Element], kind: int, what: str) -> memoryview:
    element = next(parts, None)
    if element is None or element.kind != kind:
        raise _BrokenError(f"{what} missing")
    return element.content


def _numbers(element: _Element | None, shape: tuple[int, ...], dtype: str) -> Array:
    """The values in MATLAB's order of axes; small whole numbers may be stored in a smaller type than their class."""
    if element is None or element.kind not in NUMBERS:
        raise _BrokenError("an array has no numbers")
    stored = NUMBERS[element.kind]
    values = np.frombuffer(_whole(element.content, np.dtype(stored).itemsize), stored)
    if len(values) != prod(shape):
        raise _BrokenError(f"an array of shape {shape} has {len(values)} values")
    return values.astype(dtype).reshape(shape, order="F")


def _text(element: _Element | None) -> str:
    if element is None or element.kind not in TEXTS:
        raise _BrokenError("a text has no characters")
    return bytes(element.content).decode(TEXTS[element.kind], errors="replace")


def _whole(content: memoryview, item_bytes: int) -> memoryview:
    if len(content) % item_bytes:
        raise _BrokenError("an array ends within a value")
    return content
