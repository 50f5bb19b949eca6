"""The metrics of each group of people alone: by age, sex, device, signal quality or whatever else is known."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.records import Array
from kerasmed.evaluation.judged import Grouping, Judged, constant_answer
from kerasmed.evaluation.resampled import measure_all

UNKNOWN = "unknown"
# A group of fewer is left out: its intervals would be too narrow, and its numbers would speak of single people.
FEWEST_PATIENTS = 20


def group(column: Array, edges: Sequence[float]) -> Grouping:
    """Divide examples by a column of an index.

    Args:
        column: (n,): words, of which "" is unknown; or numbers, of which NaN is unknown.
        edges: Rising edges of the bands of a column of numbers, each belonging to the band above it; none for words,
            and for numbers that stand for themselves.
    """
    known = ~np.isnan(column.astype(np.float64)) if edges or column.dtype.kind == "f" else column.astype(str) != ""
    if edges:
        names: list[str] = _bands(edges)
        member = np.searchsorted(np.asarray(edges, np.float64), column.astype(np.float64), side="right")
    else:
        words, member = np.unique(column, return_inverse=True)
        names = [f"{word:g}" if column.dtype.kind == "f" else str(word) or UNKNOWN for word in words]
    if known.all():
        return Grouping(tuple(names), member)
    return Grouping((*names, UNKNOWN), np.where(known, member, len(names)))


def measure_subgroups(
    judged: Judged, macro_classes: tuple[str, ...], settings: Evaluation, seed: int
) -> list[dict[str, Any]]:
    """One row for each group, as JSON values.

    Returns:
        by, group, examples, patients, and metrics with intervals by resampling the group's own patients; `left_out`
        with the reason in place of metrics where the group is too small. `baseline` is the group's `constant_answer`.
    """
    rows = []
    for by, grouping in judged.subgroups.items():
        for number, name in enumerate(grouping.names):
            members = np.flatnonzero(grouping.member == number)
            if len(members):
                rows.append({"by": by, "group": name, **_measure(judged, members, macro_classes, settings, seed)})
    return rows


def _measure(
    judged: Judged, members: Array, macro_classes: tuple[str, ...], settings: Evaluation, seed: int
) -> dict[str, Any]:
    part = _rows_of(judged, members)
    patients = len(np.unique(part.clusters))
    counted: dict[str, Any] = {"examples": len(part), "patients": patients}
    if patients < FEWEST_PATIENTS:
        return {**counted, "left_out": f"fewer than {FEWEST_PATIENTS} patients"}
    metrics = measure_all(part, macro_classes, settings, seed).metrics()
    told = {name: estimate.to_json() for name, estimate in metrics.items()}
    return {**counted, "metrics": told, "baseline": constant_answer(part)}


def _rows_of(judged: Judged, rows: Array) -> Judged:
    columns = ("scores", "targets", "groups", "patients", "ids")
    return replace(
        judged, logits=None, first=None, subgroups={}, **{name: getattr(judged, name)[rows] for name in columns}
    )


def _bands(edges: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"< {edges[0]:g}", *between, f">= {edges[-1]:g}"]
