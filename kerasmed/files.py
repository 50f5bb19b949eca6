"""The only code that writes durable files: whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(tree: Any) -> str:
    """Hex SHA-256 of a JSON tree; equal trees give equal digests."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees the old file or the new one, never a part."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time inside the block, on this machine; the lock ends with the process, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hash_folder(folder: Path, skip: frozenset[str] = frozenset()) -> dict[str, str]:
    """Relative path to SHA-256 of every file below `folder`, but those named in `skip`."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    hashes = {file.relative_to(folder).as_posix(): sha256_file(file) for file in files}
    return {name: value for name, value in hashes.items() if name not in skip}


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    _sync(folder)


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
