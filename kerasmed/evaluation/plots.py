"""Pictures of a report, written as PNG. Figures are objects of their own: pyplot's global state is never touched.

Importing this takes 0.3 s for matplotlib: import it where something is drawn.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasmed.data.records import Array
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.ranking import curve
from kerasmed.evaluation.report import Report
from kerasmed.files import write_bytes

# Okabe and Ito's eight (jfly.uni-koeln.de/color), told apart with any colour vision; dashes repeat what colour says.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
PICTURES = ("Confusion", "Reliability", "ROC", "Precision and recall", "Sensitivity by record")
MAX_CLASSES_NAMED = 12
MAX_RECORDS = 40
FEW_ANSWERS = 10
DPI = 130  # page.py shows the pictures at their size in inches


def show_report(report: Report, judged: Judged, folder: Path) -> dict[str, Path]:
    """Write every picture that needs only scores; title to path, in reading order."""
    paths = {title: folder / f"{title.lower().replace(' ', '_')}.png" for title in PICTURES}
    show_confusion(report, paths["Confusion"])
    show_roc(report, judged, paths["ROC"])
    show_precision_recall(report, judged, paths["Precision and recall"])
    show_reliability(report, paths["Reliability"])
    if not report.records:
        return {title: path for title, path in paths.items() if title != "Sensitivity by record"}
    show_records(report, paths["Sensitivity by record"])
    return paths


def show_roc(report: Report, judged: Judged, path: Path) -> None:
    """ROC curve of each class against the rest."""
    figure, (axes,) = new_figure(5.1, 4.7)
    for place, name in _classes_drawn(report):
        true, false = curve(judged.scores[:, place], judged.truth[:, place])
        auc = report.per_class[name]["auc"].value
        if auc is not None:
            _draw(axes, place, false / false[-1], true / true[-1], f"{name}  AUC {auc:.3f}")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=1)
    axes.set(
        xlabel="False positive rate (1 - specificity)", ylabel="Sensitivity", title="ROC, each class against the rest"
    )
    _square(axes, "lower right")
    save(figure, path)


def show_precision_recall(report: Report, judged: Judged, path: Path) -> None:
    """Positive predictive value over sensitivity, of each class against the rest."""
    figure, (axes,) = new_figure(5.1, 4.7)
    for place, name in _classes_drawn(report):
        true, false = curve(judged.scores[:, place], judged.truth[:, place])
        ap = report.per_class[name]["ap"].value
        if ap is not None:
            share = report.support[name] / len(judged)
            recall, precision = true / true[-1], true[1:] / (true[1:] + false[1:])
            # Steps to the left, as average precision counts them: a straight line between thresholds would flatter.
            stairs = np.append(precision[:1], precision)
            _draw(axes, place, recall, stairs, f"{name}  AP {ap:.3f} ({100 * share:.2g} % of all)", "steps-pre")
    axes.set(xlabel="Sensitivity (recall)", ylabel="Positive predictive value (precision)")
    axes.set_title("Precision and recall, each class against the rest")
    _square(axes, "lower left")
    save(figure, path)


def show_confusion(report: Report, path: Path) -> None:
    """Counts of truth and answer, shaded by the share of the true class; of multi_label what each label got."""
    counts, columns, axis = np.asarray(report.confusion), report.target.classes, "Answer of the model"
    if report.target.task == "multi_label":
        columns, axis = ("found", "missed", "false", "absent"), "Fate of the label"
        counts = counts.reshape(-1, 4)[:, ::-1]  # of [[absent, false], [missed, found]]
    rows = [f"{name} ({report.support[name]:,})" for name in report.target.classes]
    by_row = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = max(0.7, 0.12 * max(map(len, columns)), 3.2 / len(columns))  # inches: names side by side, the title whole
    figure, (axes,) = new_figure(1.6 + cell * len(columns), 1.6 + 0.6 * len(rows))
    _heat_map(axes, counts / by_row, [[f"{value:,}" for value in row] for row in counts.tolist()])
    _ticks(axes, columns, rows)
    axes.set(xlabel=axis, ylabel="Truth (examples)", title="Confusion: counts, shaded by row")
    save(figure, path)


def show_reliability(report: Report, path: Path) -> None:
    """How often a claim is right, over how sure it was; below it, how many claims there were."""
    rows = report.calibration
    figure, (axes, counts) = new_figure(4.9, 5.0, heights=(3, 1))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="as claimed")
    axes.plot(_column(rows, "confidence"), _column(rows, "hit_rate"), color=COLORS[0], marker="o", label="this model")
    few = [row for row in rows if row["count"] < FEW_ANSWERS]
    if few:
        (hollow,) = axes.plot(_column(few, "confidence"), _column(few, "hit_rate"), "o", color=COLORS[0])
        hollow.set(markerfacecolor="white", label=f"fewer than {FEW_ANSWERS} answers")
    axes.set(ylabel="Share that was right", title=f"Reliability: calibration error {report.metrics['ece'].value:.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left", frameon=False)
    widths = [row["to"] - row["from"] for row in rows]
    counts.bar(_column(rows, "from"), _column(rows, "count"), widths, align="edge", color=COLORS[5])
    counts.set(xlim=(0, 1), yscale="log", xlabel="Score of the answer", ylabel="Answers")
    save(figure, path)


def show_records(report: Report, path: Path) -> None:
    """Sensitivity of each class in each record, and how many examples that is; of many records, the worst."""
    records = sorted(
        sorted(report.records, key=lambda row: row["accuracy"])[:MAX_RECORDS], key=lambda row: row["record"]
    )
    names = [name for _, name in _classes_drawn(report)]
    shares = [[row["accuracy"], *(row["sensitivity"][name] for name in names)] for row in records]
    counts = [[row["examples"], *(row["support"][name] for name in names)] for row in records]
    text = [
        ["" if share is None else f"{100 * share:.0f} % of {count:,}" for share, count in zip(*pair, strict=True)]
        for pair in zip(shares, counts, strict=True)
    ]
    figure, (axes,) = new_figure(1.6 + 1.35 * (1 + len(names)), 1.4 + 0.3 * len(records))
    _heat_map(axes, np.array(shares, dtype=np.float64), text, reverse=True)
    _ticks(axes, ("all", *names), [row["record"] for row in records])
    axes.set(xlabel="True class", ylabel="Record", title="Share answered rightly, by record (darker: more missed)")
    save(figure, path)


def new_figure(width_in: float, height_in: float, heights: Sequence[float] = (1,)) -> tuple[Figure, list[Axes]]:
    """A figure of panels one below the other, `heights` of each in proportion; sizes in inches."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
    for axes in panels[:, 0]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(panels[:, 0])


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG; the folder is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DPI)
    write_bytes(path, image.getvalue())


def plain(name: str) -> str:
    """A name from outside as matplotlib must be given it: a pair of dollars would be read as mathematics."""
    return name.replace("$", r"\$")


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [row[name] for row in rows]


def _classes_drawn(report: Report) -> list[tuple[int, str]]:
    """Place and name of the classes of a picture: the most frequent ones where there are very many."""
    numbered = list(enumerate(report.target.classes))
    if len(numbered) <= MAX_CLASSES_NAMED:
        return numbered
    frequent = sorted(numbered, key=lambda entry: -report.support[entry[1]])[:MAX_CLASSES_NAMED]
    return sorted(frequent)


def _draw(axes: Axes, place: int, x: Array, y: Array, label: str, drawstyle: str = "default") -> None:
    color = COLORS[place % len(COLORS)]
    # Past the seventh class colours return, so the dashes move on.
    dash = DASHES[(place + place // len(COLORS)) % len(DASHES)]
    axes.plot(x, y, color=color, linestyle=dash, label=plain(label), linewidth=1.8, drawstyle=drawstyle)


def _square(axes: Axes, legend: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.grid(color="0.92")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=legend, frameon=True, framealpha=0.9, edgecolor="0.9", fontsize=9)


def _heat_map(axes: Axes, shares: Array, text: Sequence[Sequence[str]], reverse: bool = False) -> None:
    axes.imshow(shares, cmap="Blues_r" if reverse else "Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        dark = (share < 0.45) if reverse else (share > 0.55)
        axes.text(
            column, row, text[row][column], ha="center", va="center", fontsize=9, color="white" if dark else "black"
        )
    axes.spines[:].set_visible(False)


def _ticks(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    axes.set_xticks(range(len(columns)), map(plain, columns))
    axes.set_yticks(range(len(rows)), map(plain, rows))
    axes.tick_params(length=0)
