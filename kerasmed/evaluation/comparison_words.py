"""A comparison of models as tables of words: for a terminal, and for a page."""

from collections.abc import Mapping
from typing import Any

from kerasmed.evaluation.comparison import Comparison, PairedTest
from kerasmed.evaluation.names import METRICS, baseline_in_words, label
from kerasmed.evaluation.report import Estimate
from kerasmed.evaluation.summary import SHARE, estimate_in_words, fixed_in_words

SMALLEST_P = 0.001
Rows = list[tuple[str, ...]]


def ranking_rows(comparison: Comparison, models: Mapping[str, str]) -> Rows:
    """Heads, then a row for each model, best first.

    Args:
        comparison: Of the models.
        models: Name of a run to what its model is.
    """
    rows: Rows = [("Place", "Run", "Model", label(comparison.ranked_by))]
    for place, (name, metrics) in enumerate(zip(comparison.names, comparison.metrics, strict=True)):
        value = estimate_in_words(comparison.ranked_by, metrics[comparison.ranked_by])
        rows.append((f"{place + 1}.", name, models[name], value))
    return rows


def metric_rows(comparison: Comparison, models: Mapping[str, str]) -> Rows:
    """Heads, then a row for each metric: a column for each model, and what always the same answer would get."""
    baseline = comparison.contenders[0].report.baseline
    heads = [f"{place + 1}. {models[name]}" for place, name in enumerate(comparison.names)]
    rows: Rows = [("", *heads, "")]
    for metric in METRICS:
        if not all(metric in each for each in comparison.metrics):
            continue
        values = [estimate_in_words(metric, each[metric]) for each in comparison.metrics]
        rows.append((label(metric), *values, baseline_in_words(metric, baseline)))
    return [*rows, *_fixed_rate_rows(comparison)]


def pair_rows(comparison: Comparison) -> Rows:
    """Heads, then a row for each test; models are told by their places."""
    places = {name: f"{place + 1}." for place, name in enumerate(comparison.names)}
    rows: Rows = [("Pair", "Metric", "Difference", "p", "p by Holm", "Test")]
    for test in comparison.tests:
        pair = f"{places[test.better]} - {places[test.worse]}"
        found = test.difference
        said = (p_in_words(found.p), p_in_words(test.corrected))
        rows.append((pair, label(test.metric), _difference(test), *said, _test_in_words(test)))
    return rows


def explanation(comparison: Comparison) -> str:
    """What the intervals, the tests and the correction are."""
    settings, judged = comparison.settings, comparison.contenders[0].report
    pairs = len(comparison.names) * (len(comparison.names) - 1) // 2
    corrected = f" p by Holm is corrected for the {pairs} pairs of each test." if pairs > 1 else ""
    return (
        f"Judged on the same {judged.judged['examples']:,} examples of {judged.judged['patients']:,} patients "
        f"({judged.protocol.judged_on} split). With each value: its {100 * settings.confidence:g} % interval; "
        f"{settings.bootstrap:,} resamples of patients, the same for every model.{corrected}"
    )


def to_text(comparison: Comparison, models: Mapping[str, str]) -> list[Rows | str]:
    """Parts for a terminal, in reading order: tables and sentences."""
    notes = [f"Note: {note}" for note in comparison.notes]
    tables = [ranking_rows(comparison, models), metric_rows(comparison, models), pair_rows(comparison)]
    return [*tables, "\n".join([explanation(comparison), *notes])]


def p_in_words(p: float | None) -> str:
    """A p with three decimals, "< 0.001" below that, a hyphen where there is none."""
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= SMALLEST_P else f"< {SMALLEST_P}"


def _difference(test: PairedTest) -> str:
    found = test.difference
    if found.value != found.value:  # NaN: one of the two is undefined
        return "undefined"
    value = _signed(test.metric, found.value)
    if found.low is None or found.high is None:
        return value
    return f"{value} ({_signed(test.metric, found.low)} to {_signed(test.metric, found.high)})"


def _signed(metric: str, value: float) -> str:
    return f"{100 * value:+.1f} %" if METRICS[metric].percent else f"{value:+.3f}"


def _test_in_words(test: PairedTest) -> str:
    return f"{test.test}: {test.detail}" if test.detail else test.test


def _fixed_rate_rows(comparison: Comparison) -> Rows:
    """Of two classes, as further metrics; where the runs told the same rates."""
    told = [{_key(row): row for row in each.report.fixed_rates} for each in comparison.contenders]
    shared = [key for key in told[0] if all(key in each for each in told)]
    if len({name for name, *_ in shared}) != 1:
        return []
    return [
        (fixed_in_words(told[0][key]), *(estimate_in_words(SHARE, _estimate(each[key])) for each in told), "")
        for key in shared
    ]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["class"], row["fixed"], row["level"]


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["value"], row["low"], row["high"], row.get("reason", ""))
