"""Words `path=value`: how the command line, the tuner and tests change one setting of a run."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kerasmed.config.strict_yaml import Node, read_text
from kerasmed.errors import ConfigError

PATH = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*\Z")
COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Word:
    """One change: the field at `path` becomes the value of `node`."""

    path: tuple[str, ...]
    node: Node


def parse_words(words: Iterable[str]) -> list[Word]:
    """Read words; the value follows the rules of the YAML files.

    Raises:
        ConfigError: Words that are none, a line each.
    """
    parsed: list[Word] = []
    faults: list[str] = []
    for word in words:
        try:
            parsed.append(_parse(word))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return parsed


def apply_words(root: Node, words: Iterable[Word]) -> Node:
    """`root` with the words applied.

    A word that names a whole section comes before those that name fields in it, wherever it stands; of two words for
    one field the later holds.
    """
    for word in sorted(words, key=lambda word: len(word.path) > 1):
        root = _put(root, word.path, word.node)
    return root


def _parse(word: str) -> Word:
    path, equals, value = word.partition("=")
    if not equals or not PATH.match(path):
        raise ConfigError(f"{word!r} is no setting; write path=value, as in trainer.epochs=20. [{COMMAND_LINE}]")
    try:
        node = read_text(value, COMMAND_LINE, numbered=False)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return Word(tuple(path.split(".")), node)


def _put(node: Node, path: tuple[str, ...], value: Node) -> Node:
    if not path:
        return value
    step = path[0]
    fields = as_fields(node).value
    child = fields.get(step, Node({}, value.place))
    return Node({**fields, step: _put(child, path[1:], value)}, node.place)


def as_fields(node: Node) -> Node:
    """A section as its fields: the name of a preset is `{preset: NAME}`; what cannot have fields has none."""
    if isinstance(node.value, dict):
        return node
    if isinstance(node.value, str):
        return Node({"preset": node}, node.place)
    return Node({}, node.place)
