"""The one way in which the WFDB reader opens a file: local, regular, inside its folder, and not beyond a size."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from kerasmed.errors import DataError

# Without O_NONBLOCK a named pipe would wait for ever; with O_NOFOLLOW no link can slip in between check and open.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def read_local(path: Path, max_bytes: int) -> bytes:
    """All bytes of the file at `path`.

    Raises:
        DataError: It is missing, larger than `max_bytes`, not a regular file, an address of the network, or a link to
            somewhere outside its own folder.
    """
    with _opened(path, max_bytes) as (file, _):
        return file.read()


def local_size(path: Path, max_bytes: int) -> int:
    """Size in bytes of the file at `path`, which `read_local` would read; raises `DataError` as it does."""
    with _opened(path, max_bytes) as (_, num_bytes):
        return num_bytes


@contextmanager
def _opened(path: Path, max_bytes: int) -> Iterator[tuple[FileIO, int]]:
    if _ADDRESS.match(str(path)):
        raise DataError(path.name, "is an address, not a local file.", "Download the record first.")
    try:
        descriptor = os.open(_inside(path), _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DataError(path.name, "is not a regular file.")
            if status.st_size > max_bytes:
                raise DataError(path.name, f"is larger than {max_bytes} bytes.")
            yield FileIO(descriptor, closefd=False), status.st_size
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise DataError(path.name, "is missing.") from error
    except OSError as error:
        raise DataError(path.name, f"cannot be read ({error.strerror}).") from error
    except ValueError as error:  # a NUL in the name
        raise DataError(repr(path.name), "is not the name of a file.") from error


def _inside(path: Path) -> Path:
    """`path`, or what it links to in its own folder."""
    if not path.is_symlink():
        return path
    try:
        target = path.resolve()
    except RuntimeError as error:  # what Python before 3.13 raises for a link to itself
        raise DataError(path.name, "is a link to itself.") from error
    if not target.is_relative_to(path.parent.resolve()):
        raise DataError(path.name, "is a link to outside its folder.", "Put the file itself there.")
    return target
