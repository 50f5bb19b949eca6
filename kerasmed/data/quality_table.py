"""What was measured of the records of a prepared set: the worst of each lead, and the faults of those left out."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasmed.data.prepared import Prepared, Quarantined
from kerasmed.data.quality import BY_LEAD, FAULTS
from kerasmed.data.records import Array

# Of these the least is bad, too.
TWO_SIDED = ("range_mv", "frequency_hz")
NAMED_FAULT = re.compile(r"\((\w+)\)\.?$")
OTHER = "not readable"


def describe_quality(prepared: Prepared) -> dict[str, Any]:
    """The quality of the records as a JSON tree.

    Returns:
        "measured", the number of records; "leads", for each lead and measure of `quality.BY_LEAD` the median, the
        highest value (and the lowest of `TWO_SIDED`) and the record that has it; "left_out", records by fault. No
        "leads" where the records are no signals, or the set was made before they were measured.
    """
    told: dict[str, Any] = {"left_out": count_faults(prepared.quarantine)}
    found = prepared.quality
    contract = prepared.spec.contract
    if found is None or contract is None:
        return told
    names, measures = found
    leads = {lead: _lead(names, np.asarray(measures[:, place])) for place, lead in enumerate(contract.leads)}
    return {"measured": len(names), "leads": leads, **told}


def count_faults(quarantine: Sequence[Quarantined]) -> dict[str, int]:
    """Records that were left out by the fault that was found first."""
    counts: Counter[str] = Counter()
    for item in quarantine:
        match = NAMED_FAULT.search(item.reason)
        counts[match.group(1) if match and match.group(1) in FAULTS else OTHER] += 1
    return {name: counts[name] for name in (*FAULTS, OTHER) if counts[name]}


def _lead(names: Array, measures: Array) -> dict[str, dict[str, Any]]:
    """Extremes by measure, from float32 (num_records, len(BY_LEAD))."""
    told: dict[str, dict[str, Any]] = {}
    for name, values in zip(BY_LEAD, measures.T, strict=True):
        told[name] = {"median": _number(np.median(values)), "most": _extreme(names, values, int(values.argmax()))}
        if name in TWO_SIDED:
            told[name]["least"] = _extreme(names, values, int(values.argmin()))
    return told


def _extreme(names: Array, values: Array, row: int) -> dict[str, Any]:
    return {"value": _number(values[row]), "record": str(names[row])}


def _number(value: Any) -> float:
    return float(f"{float(value):.4g}")
