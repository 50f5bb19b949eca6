"""Picture of what a network sees on pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasmed.data.records import Array
from kerasmed.evaluation.map_metrics import read_places, softmax_rows
from kerasmed.evaluation.plots import save

PANELS = ("page", "trace", "grid", "zero lines", "strip")
SURE = 0.5  # chance from which on a place of the strip's trace is drawn


def show_maps(shown: Sequence[tuple[Array, Mapping[str, Array]]], path: Path) -> None:
    """Draw examples beside their maps; nothing where there is none.

    Args:
        shown: Pictures uint8 (height, width, 3), each with the logits of one example by target name.
        path: Of the PNG.
    """
    if not shown:
        return
    figure = Figure(figsize=(2.6 * len(PANELS), 0.5 + 1.8 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), len(PANELS), squeeze=False)
    for row, (picture, logits) in zip(panels, shown, strict=True):
        _show_row(row, picture, logits)
    for axes, title in zip(panels[0], PANELS, strict=True):
        axes.set_title(title, fontsize=9)
    save(figure, path)


def _show_row(row: Sequence[Axes], picture: Array, logits: Mapping[str, Array]) -> None:
    row[0].imshow(picture)
    for axes, name in zip(row[1:4], ("seg", "grid", "baseline"), strict=True):
        axes.imshow(1.0 / (1.0 + np.exp(-logits[name][..., 0])), cmap="gray", vmin=0.0, vmax=1.0)
    row[4].imshow(picture)
    places, share = read_places(softmax_rows(logits["signal"][None]))
    row[4].plot(np.where(share[0] > SURE, places[0], np.nan), color="tab:red", linewidth=0.8)
    for axes in row:
        axes.set_axis_off()
