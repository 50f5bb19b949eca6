"""The contract between data and model: what an example is made of, and what is asked of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Task = Literal["single_label", "multi_label", "masked_patches"]


@dataclass(frozen=True)
class ArraySpec:
    """One input array of an example, without the batch axis.

    Attributes:
        shape: Axes of one example, channels last; None where the length is free.
        dtype: Type as stored in a prepared set ("int16", "uint8", "float16", ...).
        scale: Physical value of one stored step: `physical = stored * scale`.
        unit: Physical unit after scaling ("mV", "s", "1").
        rate_hz: Sampling rate of the first axis, for signals.
        channels: Names along the last axis (leads of an ECG, channels of an image, names of features).
    """

    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 1.0
    unit: str = "1"
    rate_hz: float | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetSpec:
    """One answer asked of an example: a class (single_label), a set of classes (multi_label), or what was hidden of it.

    The last (masked_patches) is the task of a pretraining alone; it has no classes, and no dataset names it.
    """

    task: Task
    classes: tuple[str, ...]


@dataclass(frozen=True)
class ExampleSpec:
    """What a model sees of a record and what it must answer.

    Attributes:
        inputs: Name to array.
        targets: Name to answer; one model output of the same name each.
        recipe: The settings by which `examples.py` makes an example of a record, so that prediction repeats them.
    """

    inputs: Mapping[str, ArraySpec]
    targets: Mapping[str, TargetSpec]
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> TargetSpec:
        """The only target, of a model with one."""
        (only,) = self.targets.values()
        return only

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into an equal spec."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> "ExampleSpec":
        """The spec that `to_json` wrote."""
        return cls(
            inputs={name: _array(fields) for name, fields in tree["inputs"].items()},
            targets={name: _target(fields) for name, fields in tree["targets"].items()},
            recipe=tree["recipe"],
        )


def _array(fields: Mapping[str, Any]) -> ArraySpec:
    return ArraySpec(**{**fields, "shape": tuple(fields["shape"]), "channels": tuple(fields["channels"])})


def _target(fields: Mapping[str, Any]) -> TargetSpec:
    return TargetSpec(task=fields["task"], classes=tuple(fields["classes"]))
