"""Presets: named YAML files of a dataset, a model, a trainer or a whole run. A preset names no other preset."""

from pathlib import Path

import kerasmed
from kerasmed.config.strict_yaml import Node, read_file
from kerasmed.errors import ConfigError, unknown

SECTIONS = ("dataset", "model", "trainer")
RUN = "run"
PRESET = "preset"


def list_presets(section: str) -> dict[str, Path]:
    """Name to file of the presets of a section, or of "run", in the order of their names."""
    return {path.stem: path for path in sorted((_folder() / section).glob("*.yaml"))}


def read_preset(section: str, name: str) -> Node:
    """The fields of a preset, each with its place.

    Raises:
        UnknownNameError: There is none of that name.
        ConfigError: It cannot be read, or names a preset itself.
    """
    known = list_presets(section)
    if name not in known:
        raise unknown(f"{section} preset", name, known)
    node = read_file(known[name], shown_path(known[name]))
    if section != RUN and PRESET in node.value:
        raise ConfigError(f"{section}.{PRESET}: a preset cannot name another. [{node.value[PRESET].place}]")
    return node


def summary(path: Path) -> str:
    """What a preset or run file says of itself: its first comment line, without the command on it."""
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    return first.removeprefix("#").split("   ")[0].strip() if first.startswith("#") else ""


def shown_path(path: Path) -> str:
    """How messages name the file of a preset: `configs/run/NAME.yaml`, wherever it lies."""
    return path.relative_to(_folder().parent).as_posix()


def _folder() -> Path:
    """`kerasmed/configs` of an installed package, else `configs` beside the package in a checkout."""
    package = Path(kerasmed.__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"
