"""The quality of records as `kerasmed data check` prints it."""

from pathlib import Path
from typing import Any

from kerasmed.cli.output import table

MAX_LISTED = 10
HEADS = ("lead", "swing, mV", "waves, Hz", "missing", "flat", "clipped", "against I and II")


def quality_in_words(quality: dict[str, Any], reasons: list[str], listed_in: Path) -> str:
    """A row for each lead with its worst records, then what was left out and why.

    Args:
        quality: What `describe_quality` found.
        reasons: Why each record was left out.
        listed_in: The file that holds all of `reasons`.
    """
    parts = []
    if "leads" in quality:
        rows = [_row(lead, measures) for lead, measures in quality["leads"].items()]
        head = f"quality of {quality['measured']:,} records: median (extremes and their records) of each lead"
        parts.append(f"{head}\n{table(rows, HEADS)}")
    if reasons:
        counts = ", ".join(f"{name} {count:,}" for name, count in quality["left_out"].items())
        more = [f"and {len(reasons) - MAX_LISTED:,} more"] if len(reasons) > MAX_LISTED else []
        lines = [
            f"left out: {counts}; all reasons: {listed_in}",
            *(f"  {each}" for each in reasons[:MAX_LISTED]),
            *more,
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(lead: str, measures: dict[str, Any]) -> tuple[str, ...]:
    ranges = (_range(measures[name]) for name in ("range_mv", "frequency_hz"))
    rates = (_most(measures[name]["most"], percent=True) for name in ("missing_rate", "flat_rate", "clipped_rate"))
    return (lead, *ranges, *rates, _most(measures["conflict"]["most"], percent=False))


def _range(measure: dict[str, Any]) -> str:
    least, most = measure["least"], measure["most"]
    return f"{measure['median']:.3g} ({least['value']:.3g} {least['record']}, {most['value']:.3g} {most['record']})"


def _most(extreme: dict[str, Any], *, percent: bool) -> str:
    if not extreme["value"]:
        return "0"
    value = f"{100 * extreme['value']:.2g} %" if percent else f"{extreme['value']:.2g}"
    return f"{value} ({extreme['record']})"
