"""What pydantic finds wrong with settings, said as a user would: field, value, nearest name, place."""

import json
import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kerasmed.config.strict_yaml import Node
from kerasmed.errors import unknown

MAX_VALUE_LENGTH = 60


def faults_of(error: ValidationError, model: type[BaseModel], node: Node, prefix: tuple[str, ...] = ()) -> list[str]:
    """One line for each fault.

    Args:
        error: What validation raised.
        model: The class that was validated.
        node: What it was validated from; knows the places.
        prefix: Path of `model` in the run.
    """
    return [
        fault((*prefix, *found["loc"]), _sentence(found, model), node.place_of(found["loc"]))
        for found in error.errors(include_url=False)
    ]


def fault(path: Sequence[str | int], what: str, place: str) -> str:
    """`path: what [place]`."""
    named = ".".join(str(step) for step in path)
    return f"{named}: {what} [{place}]" if named else f"{what} [{place}]"


def shown(value: Any) -> str:
    """A value as it would be written, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 3] + "..."


def _sentence(found: Any, model: type[BaseModel]) -> str:
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(found["loc"][-1])
        return str(unknown("field", name, _fields_at(model, found["loc"][:-1])))
    if kind == "missing":
        return "is needed; it has no default."
    if kind == "literal_error":
        return str(unknown(str(found["loc"][-1]), str(value), re.findall(r"'([^']*)'", context["expected"])))
    message = found["msg"].removeprefix("Input ").removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}."
    if not found["loc"]:
        return message  # of fields that do not go together; the value would be the whole section
    hint = f" Write {json.dumps(str(value))}." if kind == "string_type" and _is_number(value) else ""
    return f"{shown(value)}: {message}{hint}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Names of the fields of the class at `path` below `model`."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            inner = model.model_fields[step].annotation
            nested = [part for part in (inner, *get_args(inner)) if _is_model(part)]
            model = nested[0] if nested else model
    return list(model.model_fields)


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)
