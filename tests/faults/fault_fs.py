"""A disk of which any step can fail or be the last, after the I/O error and crash tests of SQLite.

https://www.sqlite.org/testing.html, sections 3.2 and 3.3. While a `FaultDisk` is on, everything in this process that
changes the disk beneath its root (open a file to write, each write, truncate, fsync, rename, mkdir, unlink, rmdir) is
counted, and one of these steps goes wrong. `Fault.DEATH` is to the disk what SIGKILL is: no clean-up runs after it,
since every later step ends in `Died` too. No step is hidden in a buffer, and none is really flushed, which is quick.
"""

import builtins
import errno
import io
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any


class Fault(Enum):
    """What happens at the chosen step. One half of a write reaches the disk in all but the first two."""

    FULL = "disk full"
    IO = "I/O error"
    SHORT = "disk full amid a write"
    DEATH = "killed"
    POWER = "power cut"  # killed, and files that were not flushed are empty


DEATHS = (Fault.DEATH, Fault.POWER)
ERRORS = {Fault.FULL: errno.ENOSPC, Fault.IO: errno.EIO, Fault.SHORT: errno.ENOSPC}


class Died(BaseException):
    """The process is as good as killed: nothing it does reaches the disk any more."""


class FaultDisk:
    """Counts the steps beneath `root`; at step `at` (from 1) `fault` happens, once.

    Attributes:
        steps: Every step so far, in words.
        dead: The chosen step was a death.
        told: The chosen step was an error, and it was raised.
        unseen: Files, new or changed, with more bytes than were seen on their way: another process or library wrote
            them, or a memory map did. Known when the disk is off again.
    """

    def __init__(self, root: Path, at: int = 0, fault: Fault = Fault.FULL) -> None:
        self.root = str(root.resolve())
        self.at, self.fault = at, fault
        self.steps: list[str] = []
        self.dead = self.told = False
        self.unseen: list[str] = []
        self._lock = threading.RLock()
        self._written: Counter[tuple[int, int]] = Counter()
        self._unflushed: dict[tuple[int, int], int] = {}

    @contextmanager
    def on(self) -> Iterator["FaultDisk"]:
        """Everything in this process passes through this disk inside the block."""
        patches = {**_paths(self), **_descriptors(self), **_opens(self)}
        before = {(module, name): getattr(module, name) for module, name in patches}
        files = self._files()
        for (module, name), value in patches.items():
            setattr(module, name, value)
        try:
            yield self
        finally:
            for (module, name), value in before.items():
                setattr(module, name, value)
            for descriptor in self._unflushed.values():
                os.close(descriptor)
            changed = {known: path for known, path in self._files().items() if known not in files}
            self.unseen = sorted(path for known, path in changed.items() if known[2] > self._written[known[:2]])

    def _files(self) -> dict[tuple[int, int, int, int], str]:
        """Path of every file, by what changes when it is written."""
        found = [path for path in Path(self.root).rglob("*") if path.is_file()]
        stats = [(path.stat(), path.relative_to(self.root).as_posix()) for path in found]
        return {(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns): path for stat, path in stats}

    def holds(self, path: str) -> bool:
        """`path` is beneath the root."""
        return path == self.root or path.startswith(self.root + os.sep)

    def step(self, kind: str, path: str, half: Callable[[], object] = lambda: None) -> None:
        """One step; returns if it may be made in full, after `half` of it was made where only that may be."""
        with self._lock:
            if self.dead:
                raise Died
            self.steps.append(f"{kind} {os.path.relpath(path, self.root)}")
            if len(self.steps) != self.at:
                return
            if self.fault not in (Fault.FULL, Fault.IO):
                half()
            if self.fault in ERRORS:
                self.told = True
                number = ERRORS[self.fault]
                # As the system does it: a call that names a path names it in its error too.
                raise OSError(number, os.strerror(number), *([] if kind in ("write", "truncate", "fsync") else [path]))
            self.dead = True
            if self.fault is Fault.POWER:
                self.cut_power()
            raise Died

    def cut_power(self) -> None:
        """Files that were not flushed are empty."""
        for descriptor in self._unflushed.values():
            os.ftruncate(descriptor, 0)

    def wrote(self, descriptor: int, num_bytes: int) -> None:
        """A file has, or is about to get, bytes that a power cut would take."""
        known = _identity(descriptor)
        with self._lock:
            self._written[known] += num_bytes
            if known not in self._unflushed:
                self._unflushed[known] = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_CLOEXEC)

    def flushed(self, descriptor: int) -> None:
        """A file has none of these any more."""
        with self._lock:
            kept = self._unflushed.pop(_identity(descriptor), None)
            if kept is not None:
                os.close(kept)


class _Seen(io.BufferedIOBase):
    """A file open to write; what it is given reaches the disk at once."""

    def __init__(self, disk: FaultDisk, raw: io.FileIO, path: str) -> None:
        self.disk, self.raw_file, self.path = disk, raw, path

    @property
    def name(self) -> Any:
        return self.raw_file.name

    @property
    def mode(self) -> str:
        return self.raw_file.mode

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B") if memoryview(content).nbytes else memoryview(b"")
        descriptor = self.raw_file.fileno()

        def half() -> None:
            self.disk.wrote(descriptor, len(view) // 2)
            self.raw_file.write(view[: len(view) // 2])

        self.disk.step("write", self.path, half)
        self.disk.wrote(descriptor, len(view))
        done = 0
        while done < len(view):
            done += self.raw_file.write(view[done:])
        return done

    def truncate(self, size: int | None = None) -> int:
        self.disk.step("truncate", self.path)
        self.disk.wrote(self.raw_file.fileno(), 0)
        return self.raw_file.truncate(size)

    def read(self, size: int | None = -1) -> bytes:
        return self.raw_file.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self.raw_file.read(size)

    def readinto(self, buffer: Any) -> int:
        return self.raw_file.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.raw_file.seek(offset, whence)

    def tell(self) -> int:
        return self.raw_file.tell()

    def fileno(self) -> int:
        return self.raw_file.fileno()

    def readable(self) -> bool:
        return self.raw_file.readable()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.raw_file.close()
        super().close()


Patches = dict[tuple[Any, str], Callable[..., Any]]


def _opens(disk: FaultDisk) -> Patches:
    real_open, real_os_open = io.open, os.open

    def seen_open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        path = _resolved(file)
        if path is None or not disk.holds(path) or not set(mode) & set("wxa+"):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if "r" not in mode and not isinstance(file, int) and ("a" not in mode or not os.path.lexists(path)):
            disk.step("open", path)
        binary = mode.replace("t", "").replace("b", "")
        file = _Seen(disk, io.FileIO(file, binary, closefd, opener), path)
        if "b" in mode:
            return file
        return io.TextIOWrapper(file, encoding or "utf-8", errors, newline, write_through=True)

    def seen_os_open(path, flags, mode=0o777, *, dir_fd=None):
        found = _resolved(path, dir_fd)
        if found is not None and disk.holds(found) and flags & (os.O_CREAT | os.O_TRUNC) and not os.path.lexists(found):
            disk.step("open", found)
        return real_os_open(path, flags, mode, dir_fd=dir_fd)

    return {(io, "open"): seen_open, (builtins, "open"): seen_open, (os, "open"): seen_os_open}


def _paths(disk: FaultDisk) -> Patches:
    """The calls that name what they change; of a rename, either name counts."""

    def seen(kind: str) -> Callable[..., Any]:
        real = getattr(os, kind)

        def call(path, *rest, **options):
            names = [_resolved(path, options.get("dir_fd", options.get("src_dir_fd")))]
            if kind in ("rename", "replace", "link", "symlink"):
                names.append(_resolved(rest[0] if rest else options["dst"], options.get("dst_dir_fd")))
            found = [name for name in names if name is not None and disk.holds(name)]
            if found and _would_change(kind, found[0]):
                disk.step(kind, found[-1])
            return real(path, *rest, **options)

        return call

    kinds = ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link", "symlink", "truncate")
    return {(os, kind): seen(kind) for kind in kinds}


def _would_change(kind: str, path: str) -> bool:
    """A call that only learns that a folder is there, or a file is not, changes nothing."""
    there = os.path.lexists(path)
    return not there if kind in ("mkdir", "symlink", "link") else there


def _descriptors(disk: FaultDisk) -> Patches:
    real_sync, real_write, real_sendfile = os.fsync, os.write, os.sendfile

    def fsync(file):
        descriptor = file if isinstance(file, int) else file.fileno()
        path = _resolved(descriptor)
        if path is None or not disk.holds(path):
            return real_sync(file)
        disk.step("fsync", path)
        return disk.flushed(descriptor)

    def write(descriptor, content):
        path = _resolved(descriptor)
        if path is not None and disk.holds(path):
            disk.step("write", path, lambda: real_write(descriptor, memoryview(content)[: len(content) // 2]))
            disk.wrote(descriptor, len(content))
        return real_write(descriptor, content)

    def sendfile(out, source, offset, count, *rest):
        path = _resolved(out)
        if path is not None and disk.holds(path) and os.fstat(source).st_size > offset:
            size = os.fstat(source).st_size
            disk.step("write", path, lambda: real_sendfile(out, source, offset, max(1, size // 2)))
            disk.wrote(out, size)
        return real_sendfile(out, source, offset, count, *rest)

    return {(os, "fsync"): fsync, (os, "fdatasync"): fsync, (os, "write"): write, (os, "sendfile"): sendfile}


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _resolved(file: Any, folder: int | None = None) -> str | None:
    """The absolute path of a path or of an open file; None where it has none."""
    with suppress(OSError, TypeError, ValueError):
        if isinstance(file, int):
            found = Path(f"/proc/self/fd/{file}").readlink()
            return str(found) if found.is_absolute() else None
        start = Path.cwd() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
        path = start / os.fsdecode(file)
        return str(path.parent.resolve() / path.name)
    return None
