"""YAML read as it looks, with the place of every key, and written so that it reads back equal.

Three things of YAML are left out: aliases and anchors (they can blow up), tags (they can name code) and a second
document. Four things are read by the letter: `010` is 10, `no` is the text "no", `1e-3` is a number, and a key written
twice is refused. Keys are always text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kerasmed.errors import ConfigError

# A hundred times the longest config; the parser needs about 10 s for a megabyte.
MAX_BYTES = 200_000
MAX_DEPTH = 20
# Python refuses to read integers of more than 4300 digits, and no setting needs more than these.
MAX_NUMBER_LENGTH = 64

NULL = re.compile(r"(?:null|~|)\Z")
BOOL = re.compile(r"(?:true|false)\Z")
INTEGER = re.compile(r"[-+]?[0-9]+\Z")
FLOAT = re.compile(r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|\.inf)\Z|\.nan\Z")


@dataclass(frozen=True)
class Node:
    """A value and where it was written.

    Attributes:
        value: Text, number, bool, None, a list of nodes, or a dict from key to node.
        place: "configs/run/x.yaml:7" or "command line".
    """

    value: Any
    place: str

    def plain(self) -> Any:
        """The value without places: a JSON tree."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def find(self, path: tuple[str | int, ...]) -> "Node | None":
        """The node at `path`; None where nothing was written."""
        if not path:
            return self
        step = path[0]
        if isinstance(self.value, dict) and step in self.value:
            return self.value[step].find(path[1:])
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step].find(path[1:])
        return None

    def place_of(self, path: tuple[str | int, ...]) -> str:
        """Where the value at `path` was written; of a path that is not there, where its nearest parent was."""
        found = self.find(path)
        return found.place if found else self.place_of(path[:-1])


def read_file(path: Path, name: str | None = None) -> Node:
    """Read a YAML file whose top level is a mapping.

    Args:
        path: A regular file.
        name: What places call it; the path itself where None.

    Raises:
        ConfigError: The file cannot be read, is too large, or is not the YAML that is read here.
    """
    name = name or str(path)
    if not path.is_file():
        raise ConfigError(f"{name}: no such file.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: is not UTF-8 text (byte {error.start}).") from error
    node = read_text(text, name)
    if not isinstance(node.value, dict):
        raise ConfigError(f"{name}: holds no fields; write lines such as `seed: 0`.")
    return node


def read_text(text: str, name: str, *, numbered: bool = True) -> Node:
    """Read one YAML document; an empty one is None.

    Args:
        text: The document.
        name: What places call it.
        numbered: Places carry the line ("name:7").

    Raises:
        ConfigError: It is not the YAML that is read here.
    """
    reading = _Reading(name, numbered)
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigError(f"{name}: is larger than {MAX_BYTES:,} bytes.")
    try:
        return reading.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        place = reading.place(error.problem_mark) if error.problem_mark else name
        raise ConfigError(f"{error.problem or 'cannot be read as YAML'}. [{place}]") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"character {error.character:#06x} is not allowed in YAML. [{reading.place_at(line)}]"
        ) from error


def write_text(tree: Any) -> str:
    """YAML of a JSON tree; `read_text` gives the tree back."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def to_scalar(text: str) -> Any:
    """What an unquoted word means: None, a bool, an int, a float or the text itself."""
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text == "true"
    if INTEGER.match(text) and len(text) <= MAX_NUMBER_LENGTH:
        return int(text)
    if FLOAT.match(text) and len(text) <= MAX_NUMBER_LENGTH:
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Reading:
    """One pass over the parser's events, so that a bomb is refused before anything is built from it."""

    def __init__(self, name: str, numbered: bool) -> None:
        self.name, self.numbered = name, numbered

    def place(self, mark: Any) -> str:
        return self.place_at(mark.line + 1)

    def place_at(self, line: int) -> str:
        return f"{self.name}:{line}" if self.numbered else self.name

    def document(self, events: Iterator[Any]) -> Node:
        root = Node(None, self.place_at(1))
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                self._refuse_if(documents > 1, event, "a second document ('---'); write one per file")
            elif isinstance(event, yaml.NodeEvent):
                root = self.node(event, events, depth=1)
        return root

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self._refuse_if(isinstance(event, yaml.AliasEvent), event, "an alias ('*'); write the value again")
        self._refuse_if(event.anchor is not None, event, "an anchor ('&'); write the value where it is needed")
        self._refuse_if(event.tag is not None, event, f"the tag {event.tag!r}; write plain values")
        self._refuse_if(depth > MAX_DEPTH, event, f"nesting deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(events, depth), self.place(event.start_mark))
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(events, depth), self.place(event.start_mark))
        value = to_scalar(event.value) if event.style is None else event.value
        return Node(value, self.place(event.start_mark))

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Node]:
        fields: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._refuse_if(not isinstance(event, yaml.ScalarEvent), event, "a key that is not one word")
            key, place = event.value, self.place(event.start_mark)
            self.node(event, events, depth)  # the same rules hold for keys
            if key in fields:
                raise ConfigError(f"{key!r} is written twice, first at {fields[key].place}. [{place}]")
            fields[key] = Node(self.node(next(events), events, depth + 1).value, place)
        return fields

    def _sequence(self, events: Iterator[Any], depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self.node(event, events, depth + 1))
        return items

    def _refuse_if(self, refused: bool, event: Any, what: str) -> None:
        if refused:
            raise ConfigError(f"settings cannot hold {what}. [{self.place(event.start_mark)}]")


class _Dumper(yaml.SafeDumper):
    """Quotes exactly the text that `to_scalar` would read as something else."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  read by yaml under this name

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        return super().represent_sequence(tag, sequence, flow_style=True)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> Any:
    # Only between double quotes does every line break come back as the one it was.
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)
for _tag, _pattern in (("null", NULL), ("bool", BOOL), ("int", INTEGER), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, None)
