"""What stands between the logits of a trained model and an answer: scaling, thresholds, prediction sets.

It is fitted by `evaluation/`, kept as thresholds.json, and travels with every export. Nothing here needs a backend.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from kerasmed.errors import ContractError
from kerasmed.spec import ExampleSpec, TargetSpec

THRESHOLDS = "thresholds.json"
FORMAT = 1
NUMBERS = ("scale", "offset", "thresholds", "quantiles")
Array = np.ndarray
Method = Literal["none", "temperature", "platt"]
Decide = Literal["highest", "thresholds"]


@dataclass(frozen=True)
class Calibration:
    """How the logits of one target become probabilities, an answer and a prediction set.

    Attributes:
        target: What was asked.
        method: How scale and offset were found.
        scale: Factor of the logits of each class; all 1 / temperature where that is the method.
        offset: Added to the scaled logits of each class.
        thresholds: Calibrated score from which on each class is called, above 0.
        decide: Of single_label: "highest" gives the class of the highest score, "thresholds" the class whose score is
            the highest multiple of its threshold. Labels of multi_label are always given by their thresholds.
        coverage: Share of truths that prediction sets are asked to hold.
        quantiles: Largest 1 - score of a member of a set: one number of single_label, one for each label of
            multi_label.
        facts: How it was fitted and what that changed, as JSON values; decides nothing.
    """

    target: TargetSpec
    method: Method
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    thresholds: tuple[float, ...]
    decide: Decide
    coverage: float
    quantiles: tuple[float, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deciding(self) -> tuple[float, ...] | None:
        """The thresholds where they give the answer; None where the highest score does."""
        return self.thresholds if self.target.task == "multi_label" or self.decide == "thresholds" else None

    def scaled(self, logits: Array) -> Array:
        """Calibrated logits, float64 (n, num_classes), whose softmax or sigmoid are the calibrated scores."""
        return np.asarray(logits.astype(np.float64) * np.asarray(self.scale) + np.asarray(self.offset))

    def sets(self, scores: Array) -> Array:
        """What cannot be ruled out at `coverage`, from calibrated `scores` (n, num_classes).

        Returns:
            bool (n, num_classes) of single_label: the classes in the set. bool (n, num_labels, 2) of multi_label:
            whether the label may be absent, and whether it may be present.
        """
        wide, limit = scores.astype(np.float64), np.asarray(self.quantiles)
        if self.target.task == "single_label":
            return 1.0 - wide <= limit
        return np.stack([wide, 1.0 - wide], axis=-1) <= limit[:, None]

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into an equal calibration."""
        return {
            "target": {"task": self.target.task, "classes": list(self.target.classes)},
            "method": self.method,
            **{name: list(getattr(self, name)) for name in NUMBERS},
            "decide": self.decide,
            "coverage": self.coverage,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """The calibration that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It wrote no such tree.
        """
        target = TargetSpec(tree["target"]["task"], tuple(tree["target"]["classes"]))
        numbers = {name: _numbers(tree[name]) for name in NUMBERS}
        found = cls(
            target=target, method=tree["method"], decide=tree["decide"], coverage=float(tree["coverage"]),
            facts=dict(tree["facts"]), **numbers,
        )  # fmt: skip
        found._check()
        return found

    def _check(self) -> None:
        classes = len(self.target.classes)
        if any(len(each) != classes for each in (self.scale, self.offset, self.thresholds)):
            raise ValueError(f"needs {classes} scales, offsets and thresholds")
        if len(self.quantiles) != (1 if self.target.task == "single_label" else classes):
            raise ValueError("has another number of quantiles than its task needs")
        if min(self.thresholds) <= 0 or self.decide not in ("highest", "thresholds") or not 0 < self.coverage < 1:
            raise ValueError("thresholds are above 0, coverage is between 0 and 1")


Calibrations = Mapping[str, Calibration]


def calibrations_to_json(calibrations: Calibrations, weights_sha256: str) -> dict[str, Any]:
    """The tree of thresholds.json: the calibration of each target, and of which weights."""
    return {
        "format": FORMAT,
        "weights_sha256": weights_sha256,
        "targets": {name: calibration.to_json() for name, calibration in calibrations.items()},
    }


def calibrations_from_json(tree: Mapping[str, Any], spec: ExampleSpec, where: str) -> dict[str, Calibration]:
    """The calibrations in the tree of a thresholds.json.

    Args:
        tree: The tree.
        spec: Of the model that they belong to.
        where: The file, for the message.

    Raises:
        ContractError: It is damaged, of another version, or of a model that answers otherwise.
    """
    try:
        if tree["format"] != FORMAT:
            raise ValueError(f"has format {tree['format']}, not {FORMAT}")  # noqa: TRY301
        found = {name: Calibration.from_json(fields) for name, fields in tree["targets"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{where}: is no calibration of this version ({error}); kerasmed calibrate RUN.") from error
    for name, calibration in found.items():
        if spec.targets.get(name) != calibration.target:
            raise ContractError(f"{where}: is of a model with other classes ({name}); kerasmed calibrate RUN.")
    return found


def _numbers(values: Any) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if not all(map(math.isfinite, found)):
        raise ValueError("holds a number that is not finite")
    return found
