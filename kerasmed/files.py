"""The only code that writes durable files: whole or not at all."""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# A reader that asks who holds a lock has it for an instant; whoever wants it tries again for this long.
PATIENCE_S = 1.0


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock: its number, its machine, when it took the lock (UTC) and its command line."""

    pid: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"


class HeldError(OSError):
    """Another process holds the lock."""

    def __init__(self, path: Path, holder: Holder | None) -> None:
        self.holder = holder
        super().__init__(f"{path} is held by {holder or 'another process'}")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    found = hashlib.sha256()
    # Of many small files, hashlib.file_digest spends most of its time on a buffer of its own for each.
    with path.open("rb", buffering=0) as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def digest(tree: Any) -> str:
    """Hex SHA-256 of a JSON tree; equal trees give equal digests."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees the old file or the new one, never a part."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with _naming(path):
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode())


def write_json(path: Path, tree: Any) -> None:
    """`write_bytes` of a JSON tree; NaN and infinity are refused, since JSON has none."""
    write_text(path, json.dumps(tree, indent=2, allow_nan=False) + "\n")


@contextmanager
def committed_folder(target: Path) -> Iterator[Path]:
    """A folder to fill; it becomes `target` when the block ends well, and vanishes when it does not.

    The folder is filled beside its place, every file is flushed, then it is renamed. A `target` that is already there
    is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    beside.mkdir()
    with _naming(target):
        try:
            yield beside
            for file in beside.rglob("*"):
                _sync(file)
            _sync(beside)
            _swap_in(beside, target)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        sync_folder(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove `folder`; a reader sees it whole or not at all."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.old")
    folder.rename(beside)
    shutil.rmtree(beside)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left half done in `folder`; none may be at work there."""
    for left in [*folder.glob(".*.tmp"), *folder.glob(".*.old")]:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


@contextmanager
def locked(path: Path, shared: bool = False, tell: Callable[[], None] = lambda: None) -> Iterator[None]:
    """One process at a time inside the block, on this machine; the lock ends with the process, however it ends.

    Args:
        path: File of the lock.
        shared: Whether others that share may be inside too; who does not share is alone.
        tell: Called before waiting for somebody who is inside.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("ab") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            tell()
            fcntl.flock(file, kind)
        yield


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else is inside the block for `path`, and whoever asks is told who is.

    The kernel holds the lock for the open file and lets go of it with the process, however that ends: no number of a
    process that was given anew can be taken for the holder.

    Raises:
        HeldError: Another process, or another block of this one, is inside.
    """
    with path.open("a+") as file:
        if not _try_lock(file.fileno(), fcntl.LOCK_EX, PATIENCE_S):
            raise HeldError(path, _named_in(path))
        words = [Path(sys.argv[0]).name, *sys.argv[1:]]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = Holder(os.getpid(), socket.gethostname(), now, shlex.join(words))
        with _naming(path):
            file.truncate(0)
            file.write(json.dumps(asdict(holder)))
            file.flush()
        yield


def holder_of(path: Path) -> Holder | None:
    """Who is inside `held(path)` now; None where nobody is."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if _try_lock(file.fileno(), fcntl.LOCK_SH, 0.0):
            return None
    return _named_in(path) or Holder(0, "unknown", "unknown", "unknown")


def _try_lock(descriptor: int, kind: int, patience_s: float) -> bool:
    last = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= last:
                return False
            time.sleep(0.02)
        else:
            return True


def _named_in(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def hash_folder(folder: Path, skip: frozenset[str] = frozenset()) -> dict[str, str]:
    """Relative path to SHA-256 of every file below `folder`, but those named in `skip`."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    hashes = {file.relative_to(folder).as_posix(): sha256_file(file) for file in files}
    return {name: value for name, value in hashes.items() if name not in skip}


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    _sync(folder)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An error of the disk names `path`: where a write or a flush fails, the system does not say in which file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap_in(beside: Path, target: Path) -> None:
    if not target.exists():
        beside.rename(target)
        return
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex}.old")
    target.rename(old)
    try:
        beside.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)
