"""report.html: one page that holds everything, for a reader who was not there. No script, nothing fetched."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from kerasmed.data.dataset import Published
from kerasmed.evaluation.calibrated_words import how_calibrated, share_in_words
from kerasmed.evaluation.leaderboard import OURS
from kerasmed.evaluation.names import CLASS_METRICS, METRICS, Metric, baseline_in_words, in_words, label
from kerasmed.evaluation.page_parts import DISCLAIMER, pictures, section, sheet, table
from kerasmed.evaluation.page_parts import facts as facts_of
from kerasmed.evaluation.report import Estimate, Report
from kerasmed.evaluation.summary import (
    SUBGROUP_COLUMNS,
    ends_in_words,
    fixed_rate_rows,
    intervals_in_words,
    leaderboard_caption,
)
from kerasmed.files import write_text

HEADLINES = ("accuracy", "exact_match", "macro_f1", "macro_auc", "j_kappa", "auc")


def write_page(path: Path, title: str, report: Report, plots: Mapping[str, Path], facts: Mapping[str, Any]) -> None:
    """Write `render_page` to `path`, whole or not at all."""
    write_text(path, render_page(title, report, plots, facts))


def render_page(title: str, report: Report, plots: Mapping[str, Path], facts: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        title: Of the page: the name of the run or of the model.
        report: What is shown.
        plots: Title to PNG file; the pictures are put into the page.
        facts: What made the model (config, backend, versions), nested as deep as it is.
    """
    sections = (
        _head(title, report),
        section("What to know first", "".join(f"<p>{escape(note)}</p>" for note in report.notes)),
        section("Metrics", _metrics(report)),
        section("Classes", _classes(report)),
        section("Sensitivity and specificity at a fixed one of the two", _fixed_rates(report)),
        section("Subgroups", _subgroups(report)),
        section("Confusion", _confusion(report)),
        section("Calibration and prediction sets", _calibrated(report)),
        section("Published results by these rules", _published(report)),
        section("Pictures", pictures(plots)),
        section("Answers that were most wrong", _worst(report)),
        section("Who was judged", facts_of({"judged": report.judged, "split": report.split or {}})),
        section("How this model was made", facts_of(facts)),
    )
    return sheet(title, sections)


def _head(title: str, report: Report) -> str:
    counted = report.judged
    badges = "".join(f'<p class="badge">Warning: {escape(badge)}</p>' for badge in report.protocol.badges)
    tiles = "".join(_tile(name, report) for name in HEADLINES if name in report.metrics)
    return f"""<header>
<p class="disclaimer">{DISCLAIMER}</p>
<h1>{escape(title)}</h1>
{badges}
<p><b>{escape(report.protocol.name)}.</b> {escape(report.protocol.describe)}</p>
<p>Judged on the {report.protocol.judged_on} split: {counted["examples"]:,} examples of {counted["records"]:,} records,
{counted["patients"]:,} patients. {intervals_in_words(report)}</p>
<div class="tiles">{tiles}</div>
</header>"""


def _tile(name: str, report: Report) -> str:
    estimate = report.metrics[name]
    value = in_words(name, estimate.value) if estimate.value is not None else "undefined"
    ends = ends_in_words(name, estimate) or "&nbsp;"
    baseline = escape(baseline_in_words(name, report.baseline))
    beside = f"<span>{baseline}</span>" if baseline else ""
    return f'<div class="tile"><span>{escape(label(name))}</span><b>{value}</b><span>{ends}</span>{beside}</div>'


def _metrics(report: Report) -> str:
    rows = [
        (
            f'{label(name)} <br><small class="name">{escape(name)}</small>',
            _cell(name, estimate),
            _bar(estimate),
            escape(METRICS[name].describe)
            + (" Lower is better." if METRICS[name].better == "lower" else "")
            + (f"<br><b>{escape(said)}</b>" if (said := baseline_in_words(name, report.baseline)) else ""),
        )
        for name, estimate in report.metrics.items()
    ]
    averaged = ", ".join(report.protocol.macro_classes or report.target.classes)
    note = f"<p>Macro metrics and balanced accuracy run over {escape(averaged)}, those that occur in the truth.</p>"
    return note + table(("Metric", "Value", "0 to 1", "What it says"), rows)


def _bar(estimate: Estimate) -> str:
    """The interval, and the value in it, on a line from 0 to 1."""
    if estimate.value is None or not 0 <= estimate.value <= 1:
        return ""
    low, high = (estimate.value if end is None else min(max(end, 0.0), 1.0) for end in (estimate.low, estimate.high))
    return (
        f'<div class="bar"><i style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></i>'
        f'<b style="left:{100 * estimate.value:.1f}%"></b></div>'
    )


def _classes(report: Report) -> str:
    told = {name: metric for name, metric in CLASS_METRICS.items() if name in next(iter(report.per_class.values()))}
    header = ("Class", "Examples", *(metric.label for metric in told.values()))
    rows = []
    for name, row in report.per_class.items():
        values = (_cell(metric, estimate, CLASS_METRICS) for metric, estimate in row.items())
        rows.append((f"<b>{escape(name)}</b>", f"{report.support[name]:,}", *values))
    said = " ".join(f"<b>{metric.label}</b>: {escape(metric.describe)}" for metric in told.values())
    return table(header, rows) + f'<p class="small">{said}</p>'


def _fixed_rates(report: Report) -> str:
    rows = fixed_rate_rows(report)
    if not rows:
        return ""
    note = (
        '<p class="small">The threshold was read off these very examples: a description of the ROC curve, no promise '
        "for others.</p>"
    )
    return table(rows[0], [tuple(map(escape, row)) for row in rows[1:]]) + note


def _subgroups(report: Report) -> str:
    if not report.subgroups:
        return ""
    rows = []
    for row in report.subgroups:
        if "left_out" in row:
            values = [f'<span class="none">left out: {escape(row["left_out"])}</span>', *("" for _ in SUBGROUP_COLUMNS)]
        else:
            estimates = {name: Estimate(**row["metrics"][name]) for name in SUBGROUP_COLUMNS}
            values = [_cell(name, estimate) for name, estimate in estimates.items()]
            values.append(_bar(estimates[SUBGROUP_COLUMNS[0]]))
        who = (escape(row["by"]), f"<b>{escape(row['group'])}</b>", f"{row['examples']:,}", f"{row['patients']:,}")
        rows.append((*who, *values))
    return table(("By", "Group", "Examples", "Patients", *map(label, SUBGROUP_COLUMNS), "0 to 1"), rows)


def _cell(name: str, estimate: Estimate, known: Mapping[str, Metric] = METRICS) -> str:
    if estimate.value is None:
        return f'<span class="none">undefined: {escape(estimate.reason)}</span>'
    ends = ends_in_words(name, estimate, known)
    return in_words(name, estimate.value, known) + (f' <small class="ends">{ends}</small>' if ends else "")


def _confusion(report: Report) -> str:
    classes = report.target.classes
    if report.target.task == "single_label":
        rows = [_confusion_row(place, report) for place in range(len(classes))]
        return table(("Truth \\ answer", *map(escape, classes)), rows)
    rows = [
        (f"<b>{escape(name)}</b>", *(f"{count:,}" for count in (tp, fn, fp, tn)))
        for name, ((tn, fp), (fn, tp)) in zip(classes, report.confusion, strict=True)
    ]
    return table(("Label", "Found", "Missed", "False", "Absent"), rows)


def _confusion_row(own: int, report: Report) -> tuple[str, ...]:
    counts = [f"{count:,}" for count in report.confusion[own]]
    counts[own] = f"<b>{counts[own]}</b>"
    return (f"<b>{escape(report.target.classes[own])}</b>", *counts)


def _calibrated(report: Report) -> str:
    part = report.calibrated
    if part is None:
        return ""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in how_calibrated(part))
    names = {"ece": label("ece"), "brier": label("brier"), "nll": "Log loss"}
    claims = [
        (names[name], *(_cell(name, Estimate(**values[when])) for when in ("before", "after", "change")))
        for name, values in part["claims"].items()
    ]
    held = part["coverage_found"]["classes"]
    classes = [
        (f"<b>{escape(name)}</b>", f"{threshold:.3f}", escape(share_in_words(held[name])))
        for name, threshold in part["thresholds"].items()
    ]
    rule = part["rule"]["name"] + (f" {part['rule']['floor']:g}" if part["rule"]["floor"] else "")
    decided = "give the answer" if part["decide"] == "thresholds" or report.target.task == "multi_label" else (
        "do not decide: the highest score does"
    )  # fmt: skip
    return (
        said
        + table(("Lower is better", "Before", "After", "Change"), claims)
        + f"<p>Thresholds by the rule {escape(rule)} on the rows that calibrate; they {decided}.</p>"
        + table(("Class", "Threshold", "Truth in the prediction set"), classes)
    )


def _published(report: Report) -> str:
    works = report.protocol.published
    if not works:
        return ""
    names = list(dict.fromkeys(name for work in works for name in work.metrics))
    ours = [_cell(name, report.metrics[name]) if name in report.metrics else "-" for name in names]
    rows = [(OURS, ("<b>This model</b>", *ours, "")), *((work.work, _published_row(work, names)) for work in works)]
    header = ("Place", "Work", *(escape(label(name)) for name in names), "Source")
    ordered = []
    for place in report.leaderboard["rows"] if report.leaderboard else ():
        _, cells = rows.pop(next(number for number, (work, _) in enumerate(rows) if work == place["work"]))
        ordered.append((f"{place['place']}. {escape(place['shown'])}", *cells))
    caption = f"<p>Ordered {escape(leaderboard_caption(report))}.</p>" if ordered else ""
    return caption + table(header, [*ordered, *(("", *cells) for _, cells in rows)])


def _published_row(work: Published, names: list[str]) -> tuple[str, ...]:
    source = escape(work.source) + (f" <small>{escape(work.note)}</small>" if work.note else "")
    return (escape(work.work), *(in_words(name, work.metrics.get(name)) for name in names), source)


def _worst(report: Report) -> str:
    rows = [
        (
            escape(row["id"]),
            escape(row["record"]),
            escape(row["label"]),
            escape(row["predicted"]),
            ", ".join(f"{escape(name)} {score:.2f}" for name, score in row["scores"].items() if score >= 0.01),
        )
        for row in report.worst
    ]
    return table(("Example", "Record", "Truth", "Answer", "Scores of 0.01 and more"), rows) if rows else ""
