"""comparison.html and its pictures: several models on the same test split, for a reader who was not there."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kerasmed.evaluation.comparison import Comparison
from kerasmed.evaluation.comparison_words import Rows, explanation, metric_rows, pair_rows, ranking_rows
from kerasmed.evaluation.names import METRICS, label
from kerasmed.evaluation.page_parts import DISCLAIMER, facts, pictures, section, sheet, table
from kerasmed.evaluation.plots import COLORS, DASHES, new_figure, plain, save
from kerasmed.evaluation.ranking import curve
from kerasmed.files import write_text

# Metrics of the chart besides the one that ranks, where the models have them.
CHARTED = ("auc", "macro_auc", "accuracy", "exact_match", "balanced_accuracy", "macro_f1", "ap", "macro_ap")
SAME_OF_TWO = {"macro_auc": "auc"}  # of two classes both curves have one area


def write_comparison(
    comparison: Comparison, models: Mapping[str, str], settings: Mapping[str, Any], folder: Path
) -> dict[str, Path]:
    """Write chart.png, of two classes roc.png, and comparison.html with them in it; title to path.

    Args:
        comparison: Of the models.
        models: Name of a run to what its model is.
        settings: What the runs were set otherwise than the first that was named, nested as deep as it is.
        folder: Made where there is none.
    """
    names = [f"{place + 1}. {models[name]}" for place, name in enumerate(comparison.names)]
    drawn = {"Metrics and their intervals": folder / "chart.png"}
    show_chart(comparison, names, drawn["Metrics and their intervals"])
    if "auc" in comparison.metrics[0]:
        drawn["ROC"] = folder / "roc.png"
        show_rocs(comparison, names, drawn["ROC"])
    sections = (
        f'<header><p class="disclaimer">{DISCLAIMER}</p><h1>{len(names)} models on the same examples</h1>'
        f"<p>{escape(explanation(comparison))}</p></header>",
        section("What to know first", "".join(f"<p>{escape(note)}</p>" for note in comparison.notes)),
        section("Ranking", _escaped(ranking_rows(comparison, models))),
        section("Pictures", pictures(drawn)),
        section("Pairs", _escaped(pair_rows(comparison))),
        section("Metrics", _escaped(metric_rows(comparison, models))),
        section("Settings that differ", facts(settings)),
    )
    write_text(folder / "comparison.html", sheet("Comparison of models", sections))
    return drawn


def show_chart(comparison: Comparison, names: Sequence[str], path: Path) -> None:
    """A line for each metric and model: its value in its interval."""
    charted = (comparison.ranked_by, *CHARTED)
    told = comparison.metrics[0]
    shown = [
        name for name in dict.fromkeys(charted)
        if SAME_OF_TWO.get(name) not in told and any(_value(each, name) is not None for each in comparison.metrics)
    ]  # fmt: skip
    figure, (axes,) = new_figure(6.6, 1.3 + len(shown) * (0.25 + 0.2 * len(names)))
    for model, (name, metrics) in enumerate(zip(names, comparison.metrics, strict=True)):
        found = [(place, metrics[each]) for place, each in enumerate(shown) if _value(metrics, each) is not None]
        shift = 0.7 * ((model + 0.5) / len(names) - 0.5)
        values = [float(estimate.value or 0.0) for _, estimate in found]
        ends = [
            [abs(float(estimate.value or 0.0) - float(end if end is not None else estimate.value or 0.0))
             for _, estimate in found for end in [getattr(estimate, side)]]
            for side in ("low", "high")
        ]  # fmt: skip
        axes.errorbar(
            values, [place + shift for place, _ in found], xerr=ends, fmt="o", color=COLORS[model % len(COLORS)],
            label=plain(name), markersize=5, capsize=3, linewidth=1.6,
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [label(name) for name in shown])
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.92")
    axes.set(xlabel="Value and its interval", title=f"Ranked by {label(comparison.ranked_by)}")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    save(figure, path)


def show_rocs(comparison: Comparison, names: Sequence[str], path: Path) -> None:
    """ROC curves of two classes, one for each model."""
    figure, (axes,) = new_figure(5.1, 4.9)
    for model, (name, contender) in enumerate(zip(names, comparison.contenders, strict=True)):
        auc = comparison.metrics[model]["auc"].value
        if auc is None:
            continue
        true, false = curve(contender.judged.scores[:, -1], contender.judged.truth[:, -1])
        axes.plot(
            false / false[-1], true / true[-1], color=COLORS[model % len(COLORS)],
            linestyle=DASHES[model % len(DASHES)], label=plain(f"{name}  AUC {auc:.3f}"), linewidth=1.8,
        )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=1)
    positive = comparison.contenders[0].report.target.classes[-1]
    axes.set(xlabel="False positive rate (1 - specificity)", ylabel="Sensitivity", title=plain(f"ROC of {positive}"))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.grid(color="0.92")
    axes.legend(loc="lower right", fontsize=9, edgecolor="0.9")
    save(figure, path)


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    found = metrics.get(name) if name in METRICS else None
    return None if found is None else found.value


def _escaped(rows: Rows) -> str:
    return table(tuple(map(escape, rows[0])), [tuple(map(escape, row)) for row in rows[1:]])
