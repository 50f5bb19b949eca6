"""Pictures of a study. Importing this takes 0.3 s for matplotlib: import it where something is drawn."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from kerasmed.config.space import Parameter
from kerasmed.evaluation.names import label
from kerasmed.evaluation.plots import COLORS, DASHES, new_figure, plain, save
from kerasmed.tuning.results import Result

RATE, BATCH = "trainer.learning_rate", "loader.batch_size"
NUM_BINS, NUM_BEST, MAX_TEXT = 5, 5, 18
MARKS = 12  # at least beside an axis of parallel coordinates, where there are more settings
SHADES = "viridis"


def show_curves(results: Sequence[Result], best: Sequence[Result], objective: str, path: Path) -> None:
    """The objective over epochs of every trial; the best ones named."""
    figure, (axes,) = new_figure(7.4, 4.2)
    for result in results:
        axes.plot(*_points(result, objective), color="0.82", linewidth=1, marker=".", markersize=3)
    for place, result in enumerate(best[:NUM_BEST]):
        axes.plot(
            *_points(result, objective), color=COLORS[place], linestyle=DASHES[place], marker="o", markersize=4,
            linewidth=1.8, label=f"trial {result.record.trial}",
        )  # fmt: skip
    axes.set(
        xlabel="Epoch", ylabel=plain(_named(objective)), title="Objective by epoch: every trial, the best in colour"
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color="0.92")
    if best:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    save(figure, path)


def show_coordinates(
    results: Sequence[Result], parameters: Sequence[Parameter], objective: str, direction: str, path: Path
) -> None:
    """A line for each trial through its settings to its score; dark lines are better."""
    scores = np.array([result.score for result in results], dtype=np.float64)
    figure, (axes,) = new_figure(2.2 + 1.9 * (len(parameters) + 1), 4.6)
    scales = [_Scale([result.settings[p.path] for result in results], p) for p in parameters]
    good = _goodness(np.argsort(np.argsort(scores)), direction)  # of ranks: one bad trial would make the rest alike
    columns = [
        *([scale.place(r.settings[p.path]) for r in results] for scale, p in zip(scales, parameters, strict=True))
    ]
    heights = np.array([*columns, _spread(scores)])  # (axes, trials)
    colours = ScalarMappable(Normalize(0, 1), f"{SHADES}_r")
    for trial in np.argsort(good):
        axes.plot(
            range(len(heights)), heights[:, trial], color=colours.to_rgba(good[trial]), alpha=0.45 + 0.5 * good[trial],
            linewidth=1 + 1.6 * good[trial],
        )  # fmt: skip
    for place in range(len(heights)):
        axes.axvline(place, color="0.6", linewidth=1, zorder=0)
    for place, scale in enumerate(scales):
        for text, height in scale.marks():
            _mark(axes, plain(text), (place, height))
    for height, text in ((0.0, f"{scores.min():.4g}"), (1.0, f"{scores.max():.4g}")):
        _mark(axes, text, (len(scales), height))
    axes.set_xticks(range(len(heights)), [*(plain(_short(p.path)) for p in parameters), plain(_named(objective))])
    axes.set(yticks=[], xlim=(-0.2, len(scales) + 0.5), ylim=(-0.05, 1.05))
    axes.set_title("Trials through their settings: dark and thick is better")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    save(figure, path)


def show_importance(shares: Mapping[str, float | None], path: Path) -> None:
    """How much of the differences between trials each setting explains alone."""
    named = sorted(((_short(p), share) for p, share in shares.items()), key=lambda pair: pair[1] or 0.0)
    figure, (axes,) = new_figure(6.4, 1.3 + 0.42 * len(named))
    axes.barh([plain(name) for name, _ in named], [share or 0.0 for _, share in named], color=COLORS[0], height=0.6)
    for place, (_, share) in enumerate(named):
        axes.text((share or 0.0) + 0.01, place, "unknown" if share is None else f"{share:.2f}", va="center", fontsize=9)
    axes.set(
        xlim=(0, 1.1), xlabel="Share of the differences that it explains alone", title="Importance of each setting"
    )
    save(figure, path)


def show_heat_map(
    results: Sequence[Result], across: Parameter, down: Parameter, objective: str, direction: str, path: Path
) -> None:
    """The best score at each pair of two settings, and of how many trials it is the best."""
    columns, rows = _Cells(results, across), _Cells(results, down)
    best = np.full((len(rows.names), len(columns.names)), np.nan)
    counts = np.zeros(best.shape, int)
    pick = np.fmin if direction == "min" else np.fmax
    for result in results:
        assert result.score is not None
        cell = rows.of(result.settings[down.path]), columns.of(result.settings[across.path])
        best[cell] = pick(best[cell], result.score)
        counts[cell] += 1
    figure, (axes,) = new_figure(2.4 + 1.0 * len(columns.names), 1.9 + 0.6 * len(rows.names))
    good = _goodness(best, direction)
    axes.imshow(np.ma.masked_invalid(good), cmap="Blues", vmin=-0.15, vmax=1.1, aspect="auto")
    for (row, column), value in np.ndenumerate(best):
        if math.isfinite(value):
            text = f"{value:.3g}" + (f"\n({counts[row, column]})" if counts.max() > 1 else "")
            dark = good[row, column] > 0.55
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(len(columns.names)), [plain(name) for name in columns.names])
    axes.set_yticks(range(len(rows.names)), [plain(name) for name in rows.names])
    axes.set(xlabel=plain(_short(across.path)), ylabel=plain(_short(down.path)))
    axes.set_title(f"{plain(_named(objective))}: darker is better" + (" (trials)" if counts.max() > 1 else ""))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    save(figure, path)


def pair_for_heat_map(parameters: Sequence[Parameter]) -> tuple[Parameter, Parameter] | None:
    """Learning rate and batch size where both are searched, else the first two settings; None where there is one."""
    by_path = {parameter.path: parameter for parameter in parameters}
    if RATE in by_path and BATCH in by_path:
        return by_path[RATE], by_path[BATCH]
    return (parameters[0], parameters[1]) if len(parameters) > 1 else None


class _Cells:
    """Settings as rows or columns: those of a list each by itself, those of a range in bins."""

    def __init__(self, results: Sequence[Result], parameter: Parameter) -> None:
        settings = [result.settings[parameter.path] for result in results]
        ordered = _ordered(settings)
        self.edges: Any = None
        if parameter.values or len(ordered) < 3:
            self.names = [_told(setting) for setting in ordered]
            self.places = {_key(setting): place for place, setting in enumerate(ordered)}
            return
        low, high = float(ordered[0]), float(ordered[-1])
        spread = np.geomspace if low > 0 and high / low > 50 else np.linspace
        self.edges = spread(low, high, NUM_BINS + 1)
        self.names = [f"{left:.2g} to {right:.2g}" for left, right in zip(self.edges[:-1], self.edges[1:], strict=True)]

    def of(self, setting: Any) -> int:
        """Which one it is in."""
        if self.edges is None:
            return self.places[_key(setting)]
        return int(np.clip(np.searchsorted(self.edges, setting, side="right") - 1, 0, len(self.names) - 1))


class _Scale:
    """One axis of parallel coordinates: from a setting to a height from 0 to 1."""

    def __init__(self, settings: Sequence[Any], parameter: Parameter) -> None:
        self.ordered = _ordered(settings)
        low, high = (self.ordered[0], self.ordered[-1]) if parameter.numeric else (0, 0)
        self.continuous = not parameter.values and len(self.ordered) > 1
        self.log = self.continuous and low > 0 and high / low > 50
        self.places = {_key(setting): place for place, setting in enumerate(self.ordered)}

    def place(self, setting: Any) -> float:
        """Its height."""
        if not self.continuous:
            return self.places[_key(setting)] / max(1, len(self.ordered) - 1) if len(self.ordered) > 1 else 0.5
        low, high, value = (math.log(v) if self.log else v for v in (self.ordered[0], self.ordered[-1], setting))
        return float((value - low) / (high - low))

    def marks(self) -> list[tuple[str, float]]:
        """Words beside the axis, and their heights."""
        every = max(1, len(self.ordered) // MARKS)
        shown = (self.ordered[0], self.ordered[-1]) if self.continuous else self.ordered[::every]
        return [(_told(setting), self.place(setting)) for setting in shown]


def _ordered(settings: Sequence[Any]) -> list[Any]:
    """Each setting once: numbers by size, others as they came."""
    unique = list({_key(setting): setting for setting in settings}.values())
    numeric = all(isinstance(setting, int | float) and not isinstance(setting, bool) for setting in unique)
    return sorted(unique) if numeric else unique


def _mark(axes: Axes, text: str, place: tuple[float, float]) -> None:
    """Words beside a place, above the lines."""
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    axes.annotate(text, place, (5, 0), textcoords="offset points", fontsize=9, va="center", bbox=box, zorder=9)


def _goodness(scores: Any, direction: str) -> Any:
    """From 0 (worst) to 1 (best)."""
    spread = _spread(scores)
    return 1 - spread if direction == "min" else spread


def _spread(scores: Any) -> Any:
    low, high = np.nanmin(scores), np.nanmax(scores)
    return np.where(np.isnan(scores), np.nan, (scores - low) / (high - low) if high > low else 0.5)


def _points(result: Result, objective: str) -> tuple[list[int], list[float]]:
    pairs = [
        (place, row[objective]) for place, row in enumerate(result.rows, start=1) if row.get(objective) is not None
    ]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


def _named(objective: str) -> str:
    name = objective.removeprefix("val_")
    return f"{label(name)} (validation)" if objective != name else label(name)


def _short(path: str) -> str:
    """The last part of a path says it; the whole is in the table."""
    return path.rpartition(".")[2]


def _key(setting: Any) -> str:
    return json.dumps(setting, sort_keys=True)


def _told(setting: Any) -> str:
    text = setting if isinstance(setting, str) else f"{setting:.3g}" if isinstance(setting, float) else _key(setting)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 2]}.."
