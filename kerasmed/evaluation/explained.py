"""Picture of what a model looked at: signals and pictures with their Grad-CAM."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kerasmed.data.records import Array
from kerasmed.evaluation.judged import Judged, best_rows, worst_rows
from kerasmed.evaluation.plots import COLORS, plain, save
from kerasmed.spec import ArraySpec

SHADES, SIGNAL_SHADES = "inferno", "YlOrRd"
STRONGEST = 0.65  # opacity of the map where it is 1; where it is 0 the picture stays as it is
LEAST_WIDTH = 6.4  # inches: a heading with the name of a run is that long


@dataclass(frozen=True)
class Case:
    """An example with what a network saw in it.

    Attributes:
        title: What stands above it.
        values: Physical: (num_samples, num_leads), (height, width, channels) or (depth, height, width, channels).
        shown: Same shape without channels, 0..1: how much each place speaks for the class in the title.
    """

    title: str
    values: Array
    shown: Array


def cases_to_explain(judged: Judged, count: int) -> tuple[Array, Array]:
    """Rows of the `count` worst and then of the `count` best answers, int64, and the class to explain of each.

    That is the answer, which is where a network went wrong; of several labels the one that is farthest from the truth,
    and of right answers the one with the highest score.
    """
    worst, best = worst_rows(judged, count), best_rows(judged, count)
    rows = np.concatenate([worst, best]).astype(np.int64)
    if judged.target.task == "single_label":
        return rows, np.asarray(judged.predicted[rows], np.int64)
    off = np.abs(judged.scores[worst] - judged.truth[worst]).argmax(axis=1)
    return rows, np.concatenate([off, judged.scores[best].argmax(axis=1)]).astype(np.int64)


def show_cases(cases: Sequence[Case], array: ArraySpec, path: Path, heading: str) -> None:
    """Draw each case plain and with its map; of a volume the slice with the most of it.

    Args:
        cases: What is drawn.
        array: What their values are.
        path: Of the PNG.
        heading: Above all of them.
    """
    signals = len(array.shape) == 2
    across = min(3, len(cases))
    down = math.ceil(len(cases) / across)
    width, height = (3.6 * across, 0.8 + 2.2 * down) if signals else (4.0 * across, 0.5 + 2.3 * down)
    figure = Figure(figsize=(max(width, LEAST_WIDTH), height), layout="constrained")
    panels = figure.subplots(down, across if signals else 2 * across, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for number, case in enumerate(cases):
        if signals:
            _show_signal(panels[number], case, array)
        else:
            _show_picture(panels[2 * number], panels[2 * number + 1], case)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), SIGNAL_SHADES if signals else SHADES), ax=list(panels), shrink=0.6, pad=0.01
    )
    bar.set_label("Speaks for the class (1: most)", fontsize=9)
    figure.suptitle(heading, fontsize=10)
    save(figure, path)


def _show_signal(axes: Axes, case: Case, array: ArraySpec) -> None:
    axes.set_axis_on()
    rate_hz = array.rate_hz or 1.0
    time = np.arange(len(case.values)) / rate_hz
    drawn = case.values[:, :2]
    low, high = float(drawn.min()), float(drawn.max())
    margin = 0.05 * (high - low) or 1.0
    extent = (0.0, float(len(case.values) / rate_hz), low - margin, high + margin)
    axes.imshow(case.shown[None], cmap=SIGNAL_SHADES, vmin=0, vmax=1, aspect="auto", extent=extent, alpha=0.75)
    for place, lead in enumerate(array.channels[:2]):
        axes.plot(time, drawn[:, place], color=("#000000", COLORS[0])[place], linewidth=0.9, label=plain(lead))
    axes.set_title(_told(case), fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("s", fontsize=7)
    axes.set_ylabel(array.unit, fontsize=7)
    axes.legend(fontsize=7, frameon=False, loc="upper right", handlelength=1)


def _show_picture(left: Axes, right: Axes, case: Case) -> None:
    values, shown = case.values, case.shown
    if values.ndim == 4:
        most = slice_to_show(shown)
        values, shown = values[most], shown[most]
    picture = values if values.shape[-1] == 3 else values[..., 0]
    low, high = float(picture.min()), float(picture.max())
    for axes in (left, right):
        axes.imshow(picture, cmap="gray", vmin=min(low, 0.0), vmax=max(high, 1.0) if high <= 1.0 else high)
    right.imshow(shown, cmap=SHADES, vmin=0, vmax=1, alpha=STRONGEST * shown)
    left.set_title(_told(case), fontsize=8, loc="left")


def slice_to_show(shown: Array) -> int:
    """The slice of a map (depth, height, width) with the most of it; the middle one where nothing speaks."""
    return int(shown.sum(axis=(1, 2)).argmax()) if shown.any() else len(shown) // 2


def _told(case: Case) -> str:
    return plain(case.title if case.shown.any() else f"{case.title}: no place speaks for it")


def case_title(row: Mapping[str, Any], explained: str) -> str:
    """What stands above a case of a report.

    Args:
        row: What `describe_rows` says of it.
        explained: The class whose map is shown.
    """
    shown = "" if explained == row["predicted"] else f", shown {explained}"
    score = row["scores"][explained]
    return f"{row['id']}\ntruth {row['label']}, answer {row['predicted']}{shown} ({100 * score:.0f} %)"
