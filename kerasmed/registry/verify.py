"""Whether a version is what its manifest says: every file by its hash, and nothing besides."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.versions import MANIFEST, is_plain_file, read_manifest

What = Literal["changed", "missing", "not named by the manifest", "a link or no file", "outside of the folder"]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file of a version; `file` is its path within the folder."""

    file: str
    what: What

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def faults_of(folder: Path) -> list[Fault]:
    """What is wrong with the version in `folder`, sorted by file; empty where it is sound.

    Links are never followed, and only files that lie in the folder are read.

    Raises:
        ContractError: It has no manifest that could be read.
    """
    named: dict[str, str] = read_manifest(folder)["files"]
    there = {path.relative_to(folder).as_posix(): path for path in _entries(folder)}
    found = [Fault(name, "not named by the manifest") for name in there if name not in named and name != MANIFEST]
    for name, digest in named.items():
        fault = _fault(name, digest, there.get(name))
        found += [] if fault is None else [Fault(name, fault)]
    return sorted(found, key=lambda fault: fault.file)


def require_sound(folder: Path) -> dict[str, Any]:
    """The manifest of a version in which nothing is wrong.

    Raises:
        ContractError: A file is changed, missing, a link, or not named by the manifest.
    """
    found = faults_of(folder)
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise ContractError(
            f"{folder / found[0].file}: is {found[0].what}{more}: not what the manifest says; export the model again."
        )
    return read_manifest(folder)


def _entries(folder: Path) -> list[Path]:
    """Everything below `folder` but folders; links are entries, whatever they lead to."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            found += _entries(entry)
        else:
            found.append(entry)
    return found


def _fault(name: str, digest: str, path: Path | None) -> What | None:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        return "outside of the folder"
    if path is None:
        return "missing"
    if not is_plain_file(path):
        return "a link or no file"
    return None if files.sha256_file(path) == digest else "changed"
