"""The one shape of every format: `write_x(origin, path)` makes a file, `load_x(path, spec)` asks it in its runtime."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed.calibration import Calibrations
from kerasmed.errors import ContractError
from kerasmed.export.parity import Answers, Array
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras

LONGEST_REASON = 300


@dataclass(frozen=True)
class Origin:
    """What a format is made of.

    Attributes:
        model: The serving graph, on the backend of the child process.
        spec: What it reads and answers.
        written: Where the formats lie that were written before, by name.
        metadata: Text that travels inside a file that can hold some.
        raw: What the serving graph beside it is to be; None where there is to be none.
    """

    model: "keras.Model"
    spec: ExampleSpec
    written: Mapping[str, Path]
    metadata: Mapping[str, str]
    raw: "RawOrder | None" = None


@dataclass(frozen=True)
class RawOrder:
    """A serving graph that is to be made.

    Attributes:
        rate_hz: Sampling rate of the recordings that it will be given.
        calibrations: By target, what decides on answers; scaling is in the model already.
        description: From `kerasmed.export.raw.describe`.
    """

    rate_hz: float | None
    calibrations: Calibrations
    description: Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A file in its own runtime.

    Attributes:
        answers: Runs it, on any number of examples.
        inputs: Names in the file's own order.
        outputs: Names in the file's own order.
        batch: The only batch size that the file itself takes; None where it takes every one.
    """

    answers: Answers
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch: int | None = None


@contextmanager
def refusals(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turns what a library raises when it cannot write or load a file into one line that begins with `what`."""
    try:
        yield
    except kinds as error:
        said = " ".join(str(error).split())[:LONGEST_REASON]
        raise ContractError(f"{what}: {type(error).__name__}: {said}") from error


def one_by_one(answers: Answers, names: Iterable[str]) -> Answers:
    """`answers` of any number of examples, where the file takes one at a time."""
    names = tuple(names)

    def all_of(inputs: dict[str, Array]) -> dict[str, Array]:
        num_examples = len(next(iter(inputs.values())))
        rows = [answers({name: values[i : i + 1] for name, values in inputs.items()}) for i in range(num_examples)]
        return {name: np.concatenate([row[name] for row in rows]) for name in names}

    return all_of
