"""Two runs side by side, and the JSON schema of a run."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field, create_model

from kerasmed.config.components import TABLES
from kerasmed.config.load import flatten
from kerasmed.config.run import RunConfig


@dataclass(frozen=True)
class Difference:
    """A field that two runs set differently; None also where a run has no such field."""

    path: str
    left: Any
    right: Any


def diff(left: RunConfig, right: RunConfig) -> list[Difference]:
    """Fields that differ, in the order of the config."""
    return diff_trees(left.model_dump(mode="json"), right.model_dump(mode="json"))


def diff_trees(left: dict[str, Any], right: dict[str, Any]) -> list[Difference]:
    """`diff` of configs as JSON trees, also of those that an older version wrote."""
    ours, theirs = dict(flatten(left)), dict(flatten(right))
    return [
        Difference(".".join(path), ours.get(path), theirs.get(path))
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]


def schema() -> dict[str, Any]:
    """JSON schema of a resolved run; `kind` tells which fields a dataset or a model has."""
    sections: dict[str, Any] = {
        section: (Annotated[reduce(or_, table.values()), Field(discriminator="kind")], ...)
        for section, (table, _, _) in TABLES.items()
    }
    discriminated = create_model("RunConfig", __base__=RunConfig, __doc__=RunConfig.__doc__, **sections)
    return discriminated.model_json_schema()
