"""A run by name, file or folder, and words -> RunConfig. One rule: field default < preset < run file < word."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from kerasmed.config.component import Settings
from kerasmed.config.components import TABLES, class_of
from kerasmed.config.faults import fault, faults_of, shown
from kerasmed.config.presets import PRESET, RUN, SECTIONS, list_presets, read_preset
from kerasmed.config.run import RunConfig
from kerasmed.config.strict_yaml import Node, read_file, write_text
from kerasmed.config.words import COMMAND_LINE, apply_words, as_fields, parse_words
from kerasmed.errors import ConfigError, UnknownNameError, unknown

CONFIG_FILE = "config.yaml"
DEFAULT = "default"
NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
Group = TypeVar("Group", bound=Settings)


@dataclass(frozen=True)
class Explained:
    """A field of a run, its value as JSON, and where it was written ("default" where nowhere)."""

    path: str
    value: Any
    place: str


def load_run(run: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The settings of a run.

    Args:
        run: Name of a run preset, a YAML file, or the folder of a run.
        overrides: Words `path=value`; `section=NAME` takes another preset of a section in place of what the run file
            says there.

    Raises:
        ConfigError: Every fault of the settings, a line each: field, value, nearest name, place.
    """
    return _validate(_open(run, overrides))[0]


def load_preset(section: str, name: str) -> Settings:
    """The settings that a preset of a section gives alone.

    Raises:
        ConfigError: There is no such preset, or it has faults.
    """
    return _build(section, _fill(section, Node(name, COMMAND_LINE)))


def load_settings(model: type[Group], words: Sequence[str]) -> Group:
    """Settings that belong to no run, from words `name=value` over the defaults.

    Raises:
        ConfigError: Every fault of the words, a line each.
    """
    return _checked(model, apply_words(Node({}, COMMAND_LINE), parse_words(words)))


def explain(run: str | Path, overrides: Sequence[str] = ()) -> list[Explained]:
    """Every field of a run with its value and the place that decided it."""
    config, written = _validate(_open(run, overrides))
    return [
        Explained(".".join(path), value, found.place if (found := written.find(path)) else DEFAULT)
        for path, value in flatten(config.model_dump(mode="json"))
    ]


def resolved_yaml(config: RunConfig) -> str:
    """YAML of every field, without presets; `load_run` of it gives an equal config."""
    return write_text(config.model_dump(mode="json"))


def flatten(tree: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of every field below `tree`."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, (*prefix, name))
        else:
            yield (*prefix, name), value


def _open(run: str | Path, overrides: Sequence[str]) -> Node:
    """The run file with the words applied; presets not yet filled in."""
    words = parse_words(overrides)
    node, name = _read_run(run)
    node = Node({"name": Node(name, node.place), **node.value}, node.place)
    return apply_words(node, words)


def _read_run(run: str | Path) -> tuple[Node, str]:
    """The run file and the name that its run has where it names none."""
    if isinstance(run, str) and NAME.match(run) and run in list_presets(RUN):
        return read_preset(RUN, run), run
    path = Path(run).expanduser()
    if path.is_dir():
        if not (path / CONFIG_FILE).is_file():
            raise ConfigError(f"{path} is no run folder: it has no {CONFIG_FILE}.")
        path /= CONFIG_FILE
    elif not path.exists() and NAME.match(str(run)):
        raise unknown("run preset", str(run), list_presets(RUN))
    return read_file(path), path.stem


def _validate(root: Node) -> tuple[RunConfig, Node]:
    """The config, and everything that was written for it with its places.

    Raises:
        ConfigError: All faults, a line each.
    """
    faults: list[str] = []
    sections: dict[str, Settings] = {}
    written = dict(root.value)
    for name in (name for name in root.value if name in _section_names()):
        try:
            written[name] = _fill(name, root.value[name])
            sections[name] = _build(name, written[name])
        except ConfigError as error:
            faults.append(str(error))
    plain = {name: node.plain() for name, node in root.value.items() if name not in _section_names()}
    try:
        config = RunConfig.model_validate({**plain, **sections}, strict=True)
    except ValidationError as error:
        # A section that is there, but at fault, has been told of already; pydantic calls it missing.
        told = {*_section_names()} & {*root.value}
        lines = zip(faults_of(error, RunConfig, root), error.errors(), strict=True)
        faults[:0] = [line for line, found in lines if found["loc"][0] not in told]
    if faults:
        raise ConfigError("\n".join(faults))
    return config, Node(written, root.place)


def _section_names() -> tuple[str, ...]:
    return tuple(
        name
        for name, field in RunConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
    )


def _fill(section: str, node: Node) -> Node:
    """The fields of a section over those of its preset."""
    named_or_written = (dict, str) if section in SECTIONS else (dict,)
    if not isinstance(node.value, named_or_written):
        asked = "fields, or the name of a preset" if section in SECTIONS else "its fields; it has no presets"
        raise ConfigError(fault([section], f"{shown(node.plain())}: write {asked}.", node.place))
    fields = dict(as_fields(node).value)
    named = fields.pop(PRESET, None) if section in SECTIONS else None
    if named is None:
        return Node(fields, node.place)
    try:
        preset = read_preset(section, str(named.plain()))
    except UnknownNameError as error:
        raise ConfigError(fault([section, PRESET], str(error), named.place)) from error
    return _over(preset, Node(fields, node.place))


def _over(lower: Node, upper: Node) -> Node:
    """`upper` over `lower`, field by field."""
    if not (isinstance(lower.value, dict) and isinstance(upper.value, dict)):
        return upper
    merged = dict(lower.value)
    for name, node in upper.value.items():
        merged[name] = _over(merged[name], node) if name in merged else node
    return Node(merged, upper.place)


def _build(section: str, node: Node) -> Settings:
    """The settings of a section; strict, so that text is no number and a number is no text."""
    return _checked(_class_of(section, node), node, section)


def _checked(model: type[Group], node: Node, *prefix: str) -> Group:
    try:
        return model.model_validate_json(json.dumps(node.plain()), strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(faults_of(error, model, node, prefix))) from error


def _class_of(section: str, node: Node) -> type[Settings]:
    if section not in TABLES:
        annotation: type[Settings] = RunConfig.model_fields[section].annotation  # type: ignore[assignment]
        return annotation
    kind = node.value.get("kind")
    if kind is None:
        known = ", ".join(sorted(TABLES[section][0]))
        raise ConfigError(fault([section, "kind"], f"is needed, one of {known}; or name a preset.", node.place))
    try:
        return class_of(section, str(kind.plain()))
    except ConfigError as error:
        raise ConfigError(fault([section, "kind"], str(error), kind.place)) from error
