"""What may leave the machine: facts of a run without its records, its patients and the places of this machine."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Settings that are the machine's own, or name records one by one.
OWN_SECTION = "tracking"
NAMES_RECORDS = re.compile(r"(^|_)(records|patients)$")
NAMES_PLACE = ("weights",)


def public_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of how the model was made, without places of this machine and without how the run ended.

    Fit for pages and files that leave the machine, and equal however often they are written anew.
    """
    facts = {name: value for name, value in manifest.items() if name not in ("status", "reason", "ended")}
    return {**facts, "data": {name: value for name, value in manifest["data"].items() if name != "root"}}


def without_records(report: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of a report.json, still a report, without the records and the patients that it names."""
    split = {
        name: {key: value for key, value in part.items() if key != "records"} if isinstance(part, dict) else part
        for name, part in (report["split"] or {}).items()
        if name != "folds"
    }
    return {**report, "records": [], "worst": [], "split": split}


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of a config.yaml without the trackers' addresses, the places of other runs and lists of records."""
    return {name: _unnamed(value) for name, value in config.items() if name != OWN_SECTION}


def left_out(config: Mapping[str, Any]) -> list[str]:
    """Paths of the fields that `public_config` leaves out."""
    return [path for path in _paths(config) if path not in set(_paths(public_config(config)))]


def _unnamed(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: _unnamed(inner) for name, inner in value.items() if not _is_own(name, inner)}


def _is_own(name: str, value: Any) -> bool:
    lists_records = isinstance(value, list | tuple) and NAMES_RECORDS.search(name) is not None
    return lists_records or (name in NAMES_PLACE and isinstance(value, str))


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if path != OWN_SECTION and isinstance(value, Mapping):
            yield from _paths(value, f"{path}.")
        else:
            yield path
