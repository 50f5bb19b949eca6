"""What is said of a model: metrics with intervals, and all that a reader needs to trust them (report.json)."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kerasmed.data.dataset import Protocol, Published
from kerasmed.errors import DataError
from kerasmed.spec import TargetSpec

FORMAT = 1


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval.

    Attributes:
        value: None where it is undefined; then `reason` says why.
        low: Lower end of the interval; None where there is none.
        high: Upper end.
        reason: Why there is no value; "" where there is one.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @classmethod
    def of(cls, value: float, ends: tuple[float, float] | None, undefined: str) -> Self:
        """From a number that may be NaN, its interval if there is one, and what NaN means."""
        if math.isnan(value):
            return cls(None, reason=undefined)
        low, high = ends or (None, None)
        return cls(value, low, high)

    def to_json(self) -> dict[str, Any]:
        """`{value, low, high}`, and `reason` where the value is undefined."""
        return {"value": self.value, "low": self.low, "high": self.high} | (
            {"reason": self.reason} if self.reason else {}
        )


@dataclass(frozen=True)
class Report:
    """How good a model is, and on whom.

    Attributes:
        target: What was asked.
        protocol: The rules, the published numbers and the badges.
        metrics: Plain name to estimate.
        per_class: Class to plain name to estimate.
        support: Class to number of true examples.
        confusion: Counts [truth][answer] of single_label; for each class its 2 x 2 of multi_label.
        calibration: Rows of the reliability curve: from, to, count, confidence, hit_rate.
        records: For each record its examples, accuracy and, by class, support and sensitivity; empty where records
            hold about one example each.
        worst: The answers that were most wrong: id, record, patient, label, predicted, scores.
        judged: Counts of examples, records and patients, and `digest`, equal where the same examples were judged.
        intervals: resamples, confidence and seed of the bootstrap.
        notes: What a reader must know.
        split: How examples were divided, as the workflow tells it.
        calibrated: What the calibration changed and what its prediction sets hold; None where scores are as trained.
        leaderboard: This model among the published results, see `make_leaderboard`; None where nobody published.
        subgroups: The metrics of each group of people alone, see `measure_subgroups`.
        baseline: What always the same answer would be worth, see `constant_answer`; empty in older reports.
        fixed_rates: One error rate at a fixed other one, see `measure_fixed_rates`.
    """

    target: TargetSpec
    protocol: Protocol
    metrics: Mapping[str, Estimate]
    per_class: Mapping[str, Mapping[str, Estimate]]
    support: Mapping[str, int]
    confusion: list[Any]
    calibration: list[dict[str, Any]]
    records: list[dict[str, Any]]
    worst: list[dict[str, Any]]
    judged: Mapping[str, Any]
    intervals: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    split: Mapping[str, Any] | None = None
    calibrated: Mapping[str, Any] | None = None
    leaderboard: Mapping[str, Any] | None = None
    subgroups: list[dict[str, Any]] = field(default_factory=list)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    fixed_rates: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The tree of report.json; no NaN in it."""
        protocol = asdict(self.protocol)
        published, badges = protocol.pop("published"), protocol.pop("badges")
        return {
            "format": FORMAT,
            "task": self.target.task,
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "per_class": {
                name: {metric: estimate.to_json() for metric, estimate in row.items()} | {"support": self.support[name]}
                for name, row in self.per_class.items()
            },
            "confusion": {"classes": list(self.target.classes), "counts": self.confusion},
            "protocol": protocol | {"macro_classes": list(self.protocol.macro_classes)},
            "split": self.split,
            "published": list(published),
            "badges": list(badges),
            "notes": list(self.notes),
            "judged": dict(self.judged),
            "intervals": dict(self.intervals),
            "calibration": self.calibration,
            "records": self.records,
            "worst": self.worst,
            "leaderboard": None if self.leaderboard is None else dict(self.leaderboard),
            "subgroups": self.subgroups,
            "baseline": dict(self.baseline),
            "fixed_rates": self.fixed_rates,
        } | ({} if self.calibrated is None else {"calibrated": dict(self.calibrated)})

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """The report that `to_json` wrote."""
        rows = tree["per_class"]
        return cls(
            target=TargetSpec(tree["task"], tuple(tree["confusion"]["classes"])),
            protocol=_protocol(tree),
            metrics={name: Estimate(**fields) for name, fields in tree["metrics"].items()},
            per_class={
                name: {metric: Estimate(**fields) for metric, fields in row.items() if metric != "support"}
                for name, row in rows.items()
            },
            support={name: row["support"] for name, row in rows.items()},
            confusion=tree["confusion"]["counts"],
            notes=tuple(tree["notes"]),
            calibrated=tree.get("calibrated"),
            leaderboard=tree.get("leaderboard"),
            subgroups=tree.get("subgroups", []),
            baseline=tree.get("baseline", {}),
            fixed_rates=tree.get("fixed_rates", []),
            **{name: tree[name] for name in ("calibration", "records", "worst", "judged", "intervals", "split")},
        )


def read_report(path: Path) -> Report:
    """The report in a report.json.

    Raises:
        DataError: No such file, or it is not a report of this version of kerasmed.
    """
    try:
        return Report.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(str(path), "cannot be read:", str(error.strerror)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            str(path), "is not a report of this version.", "Make it again: kerasmed evaluate RUN."
        ) from error


def _protocol(tree: Mapping[str, Any]) -> Protocol:
    fields = dict(tree["protocol"])
    fields |= {name: tuple(fields[name]) for name in ("macro_classes", "shared_patients")}
    published = tuple(Published(**entry) for entry in tree["published"])
    return Protocol(**fields, badges=tuple(tree["badges"]), published=published)
