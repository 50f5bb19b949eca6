"""Every error a user can cause. One line each: what is wrong, where, and what to write instead."""

import difflib
from collections.abc import Iterable


class KerasmedError(Exception):
    """Something a user can cause and mend; the program ends with `exit_code`."""

    exit_code = 1


class ConfigError(KerasmedError):
    """A setting, a name or a command line that cannot be meant."""

    exit_code = 2


class UnknownNameError(ConfigError):
    """A name that is not in a table; the nearest one is offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, sorted(known)
        super().__init__(f"no {kind} named {name!r}. {_suggestion(name, self.known)}")


class MissingPackageError(ConfigError):
    """A library that this verb needs and this machine lacks."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'kerasmed[{extra}]'")


class DataError(KerasmedError):
    """A file or a record that cannot be used.

    Args:
        record: Id of the record, or name of the file, that is at fault.
        reason: What is wrong with it.
        remedy: What the user can do; empty where nothing but leaving it out helps.
    """

    exit_code = 3

    def __init__(self, record: str, reason: str, remedy: str = "") -> None:
        self.record, self.reason, self.remedy = record, reason, remedy
        super().__init__(f"{record}: {reason}" + (f" {remedy}" if remedy else ""))


class OtherModelError(DataError):
    """Stored variables that are those of another model or optimizer."""


class LeakageError(KerasmedError):
    """The same patient, id or content in two splits."""

    exit_code = 3


class ContractError(KerasmedError):
    """Data that do not fit the model, or an export that does not equal it."""

    exit_code = 4


class TrainingError(KerasmedError):
    """A training that cannot go on: a loss that is not finite, no memory, no disk."""

    exit_code = 5


class TrackerError(KerasmedError):
    """A tracker that cannot be reached or that refuses; a training never meets it."""

    exit_code = 6


class InterruptedRunError(KerasmedError):
    """A training stopped by Ctrl-C or SIGTERM."""

    exit_code = 130


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a `name` that is not among the `known` ones."""
    return UnknownNameError(kind, name, known)


def _suggestion(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if nearest:
        return f"Did you mean {nearest[0]!r}?"
    return "Known: " + ", ".join(known) + "."
