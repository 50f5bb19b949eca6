"""Saved models on disk: how a version is laid out, which numbers were given, and what a manifest vouches for.

`saved_models/<name>/<version>/` is written by `export/`, looked after by `registry/` and opened by `inference/`.
"""

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.spec import ExampleSpec

SPEC, MANIFEST, CARD = "spec.json", "manifest.json", "card.md"
LAYOUT = 1  # counts up when the folder is laid out differently
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
# In the folder of a name: one process at a time changes it; what was deleted, whose numbers are not given again.
LOCK, DELETED = ".lock", ".deleted.json"
MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_EXAMPLE_VALUES = 10**9
MAX_WORD = 200
STORED = frozenset({"int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64"})
_SPECS = TypeAdapter(ExampleSpec)


def is_version(folder: Path) -> bool:
    """Whether `folder` is a version: a folder of its own by a number, with a manifest and a spec."""
    return (
        NUMBER.fullmatch(folder.name) is not None
        and not folder.is_symlink()
        and (folder / MANIFEST).is_file()
        and (folder / SPEC).is_file()
    )


def versions_of(root: Path) -> list[int]:
    """Numbers of the versions of a name, ascending; none where there is no such folder."""
    return sorted(int(entry.name) for entry in root.iterdir() if is_version(entry)) if root.is_dir() else []


def latest_version(root: Path) -> int:
    """Highest version of a model; 0 where there is none."""
    return max(versions_of(root), default=0)


def next_version(root: Path) -> int:
    """The number of the next version: above every one that is there, whatever it is, and every one that was deleted.

    Raises:
        ContractError: What was deleted cannot be read, so that nobody knows which numbers were given.
    """
    taken = [int(entry.name) for entry in root.iterdir() if NUMBER.fullmatch(entry.name)]
    return max([*taken, *(entry["version"] for entry in deleted_versions(root))], default=0) + 1


def deleted_versions(root: Path) -> list[dict[str, Any]]:
    """What is known of the versions of a name that were deleted, the earliest first: version, created, deleted, ...

    Raises:
        ContractError: The list is damaged.
    """
    path = root / DELETED
    if not path.exists():
        return []
    entries = read_json(path).get("deleted")
    sound = isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("version"), int) for entry in entries
    )
    if not sound or not entries:
        raise ContractError(f"{path}: is damaged, and says which versions were given; restore it.")
    return entries


def version_folder(path: Path) -> Path:
    """The folder of a version: `path` itself, or the newest version in it.

    Raises:
        ContractError: There is none.
    """
    if (path / MANIFEST).is_file() and (path / SPEC).is_file():
        return path
    version = latest_version(path)
    if version:
        return path / str(version)
    raise ContractError(f"{path}: is neither a saved model folder nor an .onnx file of kerasmed export.")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a version.

    Raises:
        ContractError: It cannot be read, or this version of kerasmed did not write it.
    """
    manifest = read_json(folder / MANIFEST)
    if manifest.get("layout") != LAYOUT:
        raise ContractError(f"{folder}: was not written by this version of kerasmed; export the model again.")
    name, version, hashes, formats = (manifest.get(key) for key in ("name", "version", "files", "formats"))
    if (
        not (isinstance(name, str) and NAME.fullmatch(name))
        or not (isinstance(version, int) and NUMBER.fullmatch(str(version)))
        or not (isinstance(hashes, dict) and all(isinstance(value, str) for value in hashes.values()))
        or not (isinstance(formats, list) and all(isinstance(value, str) for value in formats))
    ):
        raise ContractError(f"{folder / MANIFEST}: lacks name, version, formats or files; export the model again.")
    return manifest


def vouched_file(folder: Path, name: str, manifest: Mapping[str, Any]) -> Path:
    """A file of a version.

    Raises:
        ContractError: It is missing, is a link, or does not have the hash of the manifest.
    """
    path = folder / name
    if not is_plain_file(path) or files.sha256_file(path) != manifest["files"].get(name):
        raise ContractError(f"{path}: is missing or not what the manifest of the model says; export it again.")
    return path


def is_plain_file(path: Path) -> bool:
    """Whether `path` is a file itself: no link, no pipe, no device."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def read_spec(path: Path) -> ExampleSpec:
    """The spec in a spec.json; raises `ContractError` where there is none."""
    return spec_of(read_json(path), str(path))


def spec_of(tree: Any, where: str) -> ExampleSpec:
    """The spec in a JSON tree that may come from anywhere: every field is of its type and of a plausible size.

    Raises:
        ContractError: It is none.
    """
    try:
        spec = ExampleSpec.from_json(_SPECS.dump_python(_SPECS.validate_python(tree)))
        _require_plausible(spec)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContractError(f"{where}: is no spec of a model ({_brief(error)}); export the model again.") from error
    return spec


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ContractError: There is none.
    """
    try:
        if not is_plain_file(path):
            raise ValueError("no such file")  # noqa: TRY301
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"is larger than {MAX_JSON_BYTES} bytes")  # noqa: TRY301
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ContractError(f"{path}: cannot be read ({error}); export the model again.") from error
    if not isinstance(tree, dict):
        raise ContractError(f"{path}: is no JSON object; export the model again.")
    return tree


def is_plain(word: str) -> bool:
    """Whether a name from elsewhere can be shown: short, and nothing that a terminal would obey."""
    return 0 < len(word) <= MAX_WORD and word.isprintable()


def _require_plausible(spec: ExampleSpec) -> None:
    if not spec.inputs or not spec.targets:
        raise ValueError("it names no input or no target")
    for name, array in spec.inputs.items():
        sizes = [1 if size is None else size for size in array.shape]
        if any(size < 1 for size in sizes) or math.prod(sizes) > MAX_EXAMPLE_VALUES:
            raise ValueError(f"{name} has shape {array.shape}")
        if array.dtype not in STORED:
            raise ValueError(f"{name} is stored as {array.dtype}")
        if not math.isfinite(array.scale) or not (array.rate_hz is None or math.isfinite(array.rate_hz)):
            raise ValueError(f"{name} has a scale or a rate that is no number")
    _require_words(spec)
    for name, target in spec.targets.items():
        if not target.classes or len(set(target.classes)) < len(target.classes):
            raise ValueError(f"{name} has no classes, or one of them twice")


def _require_words(spec: ExampleSpec) -> None:
    words = [*spec.inputs, *spec.targets, *(array.unit for array in spec.inputs.values())]
    words += [channel for array in spec.inputs.values() for channel in array.channels]
    words += [name for target in spec.targets.values() for name in target.classes]
    if not all(is_plain(word) for word in words):
        raise ValueError("it holds a name that is empty, too long or not printable")


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
    return " ".join(str(error).split())[:200] or type(error).__name__
