"""Picture of how fitting went: loss, metrics and learning rate over epochs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kerasmed.evaluation.names import label
from kerasmed.evaluation.plots import COLORS, DASHES, new_figure, save

# Of the metrics in a history these are drawn, as far as they are there; more lines would say less.
DRAWN = ("accuracy", "exact_match", "balanced_accuracy", "macro_f1", "macro_auc", "kappa", "j_kappa")


def show_history(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the epochs of a run.

    Args:
        rows: One for each epoch, of numbers: "epoch", "loss", "val_loss", "learning_rate", and metrics of
            `names.METRICS` after "val_". What is missing, None or NaN is not drawn.
        path: Of the PNG.
    """
    panels = [(_show_loss, 1.0)]
    if _metrics_in(rows):
        panels.append((_show_metrics, 1.0))
    if _points(rows, "learning_rate")[0]:
        panels.append((_show_rate, 0.6))
    figure, drawn = new_figure(7.2, 2.6 * len(panels), heights=[height for _, height in panels])
    for (show, _), axes in zip(panels, drawn, strict=True):
        show(axes, rows)
        axes.grid(color="0.92")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    drawn[0].set_title("Fitting")
    drawn[-1].set_xlabel("Epoch")
    save(figure, path)


def _show_loss(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    axes.plot(*_points(rows, "loss"), color=COLORS[0], linestyle="--", marker=".", label="training")
    axes.plot(*_points(rows, "val_loss"), color=COLORS[1], marker=".", label="validation")
    axes.set_ylabel("Loss")
    _legend(axes)


def _show_metrics(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    for name, color, dash in zip(_metrics_in(rows), COLORS, DASHES, strict=False):
        axes.plot(*_points(rows, f"val_{name}"), color=color, linestyle=dash, marker=".", label=label(name))
    axes.set(ylabel="Validation metric", ylim=(None, 1.0))
    _legend(axes)


def _show_rate(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    axes.plot(*_points(rows, "learning_rate"), color="0.3", marker=".")
    axes.set(ylabel="Learning rate", ylim=(0, None))
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))


def _legend(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)


def _metrics_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for name in DRAWN if _points(rows, f"val_{name}")[0]]


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Epochs and values where `name` has one."""
    pairs = [
        (row.get("epoch", place + 1), row[name])
        for place, row in enumerate(rows)
        if row.get(name) is not None and math.isfinite(row[name])
    ]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]
