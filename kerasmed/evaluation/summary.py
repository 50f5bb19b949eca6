"""A report as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from kerasmed.evaluation.calibrated_words import how_calibrated
from kerasmed.evaluation.names import CLASS_METRICS, METRICS, Metric, baseline_in_words, in_words, label
from kerasmed.evaluation.report import Estimate, Report

CLASS_COLUMNS = ("sensitivity", "ppv", "f1", "auc", "ap", "f_max")
SHARE = "accuracy"  # shown in per cent, as every share is
SUBGROUP_COLUMNS = ("macro_auc", "macro_f1", "ece")


def estimate_in_words(name: str, estimate: Estimate, known: Mapping[str, Metric] = METRICS) -> str:
    """A value with its interval: "93.1 % (91.0 - 94.4)"; "undefined" where there is no value."""
    if estimate.value is None:
        return "undefined"
    ends = ends_in_words(name, estimate, known)
    return in_words(name, estimate.value, known) + (f" ({ends})" if ends else "")


def ends_in_words(name: str, estimate: Estimate, known: Mapping[str, Metric] = METRICS) -> str:
    """The interval alone: "91.0 - 94.4"; "" where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return " - ".join(in_words(name, end, known).removesuffix(" %") for end in (estimate.low, estimate.high))


def summary(report: Report) -> str:
    """The report as a cardiologist would want it read out: warnings, metrics, one line for each class, notes."""
    counted = report.judged
    lines = [
        f"{report.protocol.name}: {counted['examples']:,} examples of {counted['patients']:,} patients "
        f"({report.protocol.judged_on} split)",
        *(f"WARNING: {badge}" for badge in report.protocol.badges),
        "",
        *_columns(
            [(label(name), *_with_best_published(name, report)) for name in report.metrics] + _fixed_rate_lines(report)
        ),
        "",
        *_columns(class_rows(report)),
        "",
        *_part("Leaderboard", leaderboard_caption(report), _leaderboard_rows(report)),
        *_part("Subgroups", "", _subgroup_rows(report)),
        intervals_in_words(report),
        *([] if report.calibrated is None else how_calibrated(report.calibrated)),
        *(f"Note: {note}" for note in report.notes),
    ]
    return "\n".join(lines) + "\n"


def intervals_in_words(report: Report) -> str:
    """What the intervals are."""
    if not report.intervals["resamples"]:
        return "Without intervals."
    confidence, resamples = (report.intervals[name] for name in ("confidence", "resamples"))
    patients = report.judged["patients"]
    return f"With each value: its {100 * confidence:g} % interval, from {resamples} resamples of {patients:,} patients."


def leaderboard_caption(report: Report) -> str:
    """By what the leaderboard is ordered, and what stands in brackets; "" where there is none."""
    if report.leaderboard is None:
        return ""
    said = f"by {label(report.leaderboard['metric'])}"
    if not any("(" in row["shown"] for row in report.leaderboard["rows"]):
        return said
    confidence = 100 * report.leaderboard["confidence"]
    return (
        f"{said}; in brackets, in the last digits, the distance to the farther end of the interval: of this model its "
        f"{confidence:g} % interval, of the others what their source gives"
    )


def _with_best_published(name: str, report: Report) -> tuple[str, str]:
    works = [work for work in report.protocol.published if name in work.metrics]
    baseline = baseline_in_words(name, report.baseline)
    if not works:
        return estimate_in_words(name, report.metrics[name]), baseline
    pick = max if METRICS[name].better == "higher" else min
    best = pick(works, key=lambda work: work.metrics[name])
    published = f"best published {in_words(name, best.metrics[name])}, {best.work}"
    return estimate_in_words(name, report.metrics[name]), "; ".join(filter(None, [baseline, published]))


def class_rows(report: Report) -> list[tuple[str, ...]]:
    """The table of classes: its heads, then a row for each."""
    told = [name for name in CLASS_COLUMNS if all(name in row for row in report.per_class.values())]
    rows = [("Class", "Examples", *(CLASS_METRICS[name].label for name in told))]
    for name, row in report.per_class.items():
        values = (estimate_in_words(each, row[each], CLASS_METRICS) for each in told)
        rows.append((name, f"{report.support[name]:,}", *values))
    return rows


def fixed_rate_rows(report: Report) -> list[tuple[str, ...]]:
    """The table of fixed rates: its heads, then a row for each class; empty where the report has none."""
    of_classes: dict[str, list[Mapping[str, Any]]] = {}
    for row in report.fixed_rates:
        of_classes.setdefault(row["class"], []).append(row)
    heads = [("Class", *map(fixed_in_words, rows)) for rows in of_classes.values()]
    cells = [
        (name, *(" ".join(filter(None, _rate_in_words(row))) for row in rows)) for name, rows in of_classes.items()
    ]
    return [*heads[:1], *cells]


def _fixed_rate_lines(report: Report) -> list[tuple[str, ...]]:
    """As lines, where they speak of one class alone; of several the page has a table."""
    if len({row["class"] for row in report.fixed_rates}) != 1:
        return []
    return [(fixed_in_words(row), *_rate_in_words(row)) for row in report.fixed_rates]


def fixed_in_words(row: Mapping[str, Any]) -> str:
    """What a row of fixed rates tells: "Sensitivity at 95 % specificity"."""
    return f"{row['told'].capitalize()} at {100 * row['level']:g} % {row['fixed']}"


def _rate_in_words(row: Mapping[str, Any]) -> tuple[str, str]:
    estimate = Estimate(row["value"], row["low"], row["high"])
    said = "" if row["threshold"] is None else f"from a score of {row['threshold']:.3f}"
    return estimate_in_words(SHARE, estimate), said


def _part(title: str, caption: str, rows: list[tuple[str, ...]]) -> list[str]:
    return [f"{title} {caption}".strip() + ":", *_columns(rows), ""] if rows else []


def _leaderboard_rows(report: Report) -> list[tuple[str, ...]]:
    rows = [] if report.leaderboard is None else report.leaderboard["rows"]
    return [(f"{row['place']}.", row["shown"], row["work"] + (" <--" if row["ours"] else "")) for row in rows]


def _subgroup_rows(report: Report) -> list[tuple[str, ...]]:
    if not report.subgroups:
        return []
    rows = [("By", "Group", "Examples", "Patients", *map(label, SUBGROUP_COLUMNS))]
    for row in report.subgroups:
        if "left_out" in row:
            values = [f"left out: {row['left_out']}", *("" for _ in SUBGROUP_COLUMNS[1:])]
        else:
            values = [estimate_in_words(name, Estimate(**row["metrics"][name])) for name in SUBGROUP_COLUMNS]
        rows.append((row["by"], row["group"], f"{row['examples']:,}", f"{row['patients']:,}", *values))
    return rows


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
