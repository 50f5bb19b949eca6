"""Picture of the answers that were most wrong."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasmed.data.records import Array
from kerasmed.evaluation.plots import COLORS, plain, save

NUM_COLUMNS = 4


def show_worst(
    worst: Sequence[Mapping[str, Any]],
    signals: Array,
    rate_hz: float,
    leads: Sequence[str],
    path: Path,
    unit: str = "mV",
) -> None:
    """Draw the signals of the worst answers, each with its truth, its answer and the score of that answer.

    Args:
        worst: Rows of `Report.worst`.
        signals: float (len(worst), num_samples, num_leads), physical, in the order of `worst`; the first two leads are
            drawn.
        rate_hz: Of the samples.
        leads: Names of the last axis.
        path: Of the PNG.
        unit: Of `signals`; "1" where it has none.
    """
    columns = min(NUM_COLUMNS, len(worst))
    rows = math.ceil(len(worst) / columns)
    figure = Figure(figsize=(2.9 * columns, 0.7 + 2.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    in_ms = signals.shape[1] <= 2 * rate_hz
    time = np.arange(signals.shape[1]) / rate_hz * (1000 if in_ms else 1)
    for axes, row, signal in zip(panels, worst, signals, strict=False):
        _show_signal(axes, time, signal, leads[:2])
        axes.set_title(_caption(row), fontsize=9)
    for axes in panels[len(worst) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8, frameon=False, handlelength=1)
    figure.suptitle(f"The {len(worst)} answers that were most wrong")
    figure.supxlabel("Time within the example (ms)" if in_ms else "Time within the example (s)", fontsize=10)
    figure.supylabel("Amplitude" if unit == "1" else f"Amplitude ({unit})", fontsize=10)
    save(figure, path)


def show_worst_pictures(worst: Sequence[Mapping[str, Any]], pictures: Array, path: Path) -> None:
    """Draw the pictures of the worst answers, each with its truth, its answer and the score of that answer.

    Args:
        worst: Rows of `Report.worst`.
        pictures: float (len(worst), height, width, channels) in 0..1, in the order of `worst`.
        path: Of the PNG.
    """
    columns = min(NUM_COLUMNS, len(worst))
    rows = math.ceil(len(worst) / columns)
    figure = Figure(figsize=(2.9 * columns, 0.7 + 3.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, row, picture in zip(panels, worst, pictures, strict=False):
        axes.imshow(picture[..., 0] if picture.shape[-1] != 3 else picture, cmap="gray", vmin=0, vmax=1)
        axes.set_title(_caption(row), fontsize=8)
    figure.suptitle(f"The {len(worst)} answers that were most wrong")
    save(figure, path)


def _show_signal(axes: Axes, time: Array, signal: Array, leads: Sequence[str]) -> None:
    for place, lead in enumerate(leads):
        axes.plot(time, signal[:, place], color=COLORS[place], linewidth=1.2, label=plain(lead))
    axes.grid(color="0.92")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _caption(row: Mapping[str, Any]) -> str:
    score = row["scores"].get(row["predicted"])
    sure = "" if score is None else f" ({100 * score:.0f} %)"
    return plain(f"{row['id']}\ntruth {row['label']}, answer {row['predicted']}{sure}")
