"""What is said of a network of pages: metrics with intervals, for all pages and for each layout and look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import draw_weights, interval
from kerasmed.evaluation.map_metrics import MEANING, NAMES, mean_known
from kerasmed.evaluation.report import FORMAT, Estimate

UNDEFINED = "no example has it"


@dataclass(frozen=True)
class MapReport:
    """How near the maps of a network come to the truth.

    Attributes:
        protocol: The rules.
        metrics: Plain name to estimate; the mean over crops, its interval by resampling patients.
        groups: Rows of `by`, `group`, `examples` and the metrics of these alone.
        judged: Counts of examples, pages and patients.
        intervals: resamples, confidence and seed of the bootstrap.
        notes: What a reader must know.
        split: How examples were divided.
    """

    protocol: Protocol
    metrics: Mapping[str, Estimate]
    groups: list[dict[str, Any]]
    judged: Mapping[str, int]
    intervals: Mapping[str, Any]
    notes: tuple[str, ...]
    split: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The tree of report.json; no NaN in it."""
        protocol = {"name": self.protocol.name, "describe": self.protocol.describe}
        return {
            "format": FORMAT,
            "task": "page_maps",
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "groups": self.groups,
            "protocol": {**protocol, "judged_on": self.protocol.judged_on},
            "badges": list(self.protocol.badges),
            "notes": list(self.notes),
            "judged": dict(self.judged),
            "intervals": dict(self.intervals),
            "split": dict(self.split),
        }

    def in_words(self) -> str:
        """For a terminal: each metric with its interval and what it says, then the groups."""
        counts = ", ".join(f"{count} {name}" for name, count in self.judged.items())
        lines = [f"judged on {self.protocol.judged_on}: {counts}", ""]
        lines += [f"{name:<12} {_in_words(estimate):<24} {MEANING[name]}" for name, estimate in self.metrics.items()]
        told = ("trace_dice", "baseline_px", "signal_px")
        for row in self.groups:
            values = "  ".join(f"{name} {_number(row['metrics'][name])}" for name in told)
            lines.append(f"{row['by']} {row['group']}: {row['examples']} examples  {values}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def judge_maps(
    measured: Array, patients: Array, groups: Mapping[str, Array], settings: Evaluation, seed: int
) -> tuple[dict[str, Estimate], list[dict[str, Any]]]:
    """Estimates of all examples, and the rows of a report's groups.

    Args:
        measured: float (examples, len(NAMES)), NaN where a measure has no meaning.
        patients: (examples,), whose crop each is; intervals resample them.
        groups: Columns (examples,) by whose values the report is divided.
        settings: Number of resamples and confidence.
        seed: Of the resamples.
    """
    ends = _ends(measured, patients, settings, seed)
    values = mean_known(measured)
    estimates = {
        name: Estimate.of(float(value), end, UNDEFINED) for name, value, end in zip(NAMES, values, ends, strict=True)
    }
    rows = []
    for by, column in groups.items():
        for group in np.unique(column):
            chosen = measured[column == group]
            means = dict(zip(NAMES, mean_known(chosen), strict=True))
            told = {name: float(value) if np.isfinite(value) else None for name, value in means.items()}
            rows.append({"by": by, "group": str(group), "examples": len(chosen), "metrics": told})
    return estimates, rows


def _ends(measured: Array, patients: Array, settings: Evaluation, seed: int) -> list[tuple[float, float] | None]:
    names, patient_of_row = np.unique(patients, return_inverse=True)
    known = np.isfinite(measured)
    sums, counts = (np.zeros((len(names), len(NAMES))) for _ in range(2))
    np.add.at(sums, patient_of_row, np.where(known, measured, 0.0))
    np.add.at(counts, patient_of_row, known)
    drawn = [
        np.divide(weights @ sums, weights @ counts, out=np.full(len(NAMES), np.nan), where=weights @ counts > 0)
        for weights in draw_weights(len(names), settings.bootstrap, seed)
    ]
    if not drawn:
        return [None] * len(NAMES)
    return [interval(column, settings.confidence) for column in np.stack(drawn).T]


def _in_words(estimate: Estimate) -> str:
    if estimate.low is None:
        return _number(estimate.value)
    return f"{_number(estimate.value)} ({_number(estimate.low)} to {_number(estimate.high)})"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
