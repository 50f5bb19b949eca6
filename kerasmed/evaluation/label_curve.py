"""How good a network is by the share of the labels that it learned from: as a table and as a picture."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.evaluation.names import in_words, label


@dataclass(frozen=True)
class Point:
    """One training of the curve.

    Attributes:
        arm: What it started from.
        rate: Share of the training patients whose labels it saw.
        patients: How many those were.
        examples: Of theirs.
        run: Name of its run folder.
        metrics: Plain name to {value, low, high}.
    """

    arm: str
    rate: float
    patients: int
    examples: int
    run: str
    metrics: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """A JSON tree."""
        return asdict(self)


def rows_of(points: Sequence[Point], metric: str) -> list[tuple[str, ...]]:
    """A line of words for each point: arm, labels, patients, examples, metric with its interval, run."""
    return [
        (
            point.arm, f"{100 * point.rate:g} %", f"{point.patients:,}", f"{point.examples:,}",
            _told(point.metrics.get(metric, {}), metric), point.run,
        )
        for point in points
    ]  # fmt: skip


def write_label_curve(points: Sequence[Point], metric: str, folder: Path) -> None:
    """curve.csv with every metric of every point, and curve.png of one metric."""
    names = list(dict.fromkeys(name for point in points for name in point.metrics))
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    writer.writerow(["arm", "label_rate", "patients", "examples", "run", *ends])
    for point in points:
        values = [point.metrics.get(name, {}).get(end) for name in names for end in ("value", "low", "high")]
        writer.writerow([point.arm, point.rate, point.patients, point.examples, point.run, *values])
    files.write_text(folder / "curve.csv", table.getvalue())
    _show(points, metric, folder / "curve.png")


def _show(points: Sequence[Point], metric: str, path: Path) -> None:
    from kerasmed.evaluation.plots import COLORS, DASHES, new_figure, save

    figure, (axes,) = new_figure(5.6, 4.2)
    for place, arm in enumerate(dict.fromkeys(point.arm for point in points)):
        drawn = [
            point for point in points if point.arm == arm and point.metrics.get(metric, {}).get("value") is not None
        ]
        rates = [100 * point.rate for point in drawn]
        found = [point.metrics[metric] for point in drawn]
        values = [one["value"] for one in found]
        down, up = ([abs(one["value"] - _end(one, end)) for one in found] for end in ("low", "high"))
        axes.errorbar(
            rates, values, yerr=[down, up], label=arm, color=COLORS[place], linestyle=DASHES[place], marker="o",
            markersize=4, capsize=3, linewidth=1.8,
        )  # fmt: skip
    axes.set(xscale="log", xlabel="Training patients with labels (%)", ylabel=label(metric))
    ticks = sorted({100 * point.rate for point in points})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(color="0.92")
    axes.legend(frameon=False)
    save(figure, path)


def _end(found: Mapping[str, Any], end: str) -> float:
    return float(found["value"] if found.get(end) is None else found[end])


def _told(found: Mapping[str, Any], metric: str) -> str:
    if found.get("value") is None:
        return "undefined"
    low, high = found.get("low"), found.get("high")
    ends = "" if low is None else f" ({in_words(metric, low)} to {in_words(metric, high)})"
    return in_words(metric, found["value"]) + ends
