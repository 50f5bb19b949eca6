"""The card of a version that is about to be published, beside the versions of that name that are there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasmed.calibration import THRESHOLDS, calibrations_from_json
from kerasmed.config.strict_yaml import read_file
from kerasmed.errors import ContractError, DataError
from kerasmed.evaluation.card import Earlier, render_card
from kerasmed.evaluation.report import Report, read_report
from kerasmed.registry.catalog import REPORT, read_model
from kerasmed.versions import SPEC, deleted_versions, read_spec, versions_of


def card_of(folder: Path, manifest: Mapping[str, Any], root: Path) -> str:
    """The card as Markdown.

    Args:
        folder: Holds everything of the version but the card and the manifest.
        manifest: Of the version.
        root: Of all versions of that name.
    """
    spec = read_spec(folder / SPEC)
    thresholds, config = folder / THRESHOLDS, folder / "config.yaml"
    calibrations = {}
    if thresholds.is_file():
        calibrations = calibrations_from_json(json.loads(thresholds.read_text()), spec, THRESHOLDS)
    return render_card(
        manifest,
        spec,
        read_report(folder / REPORT) if (folder / REPORT).is_file() else None,
        read_file(config).plain() if config.is_file() else {},
        calibrations,
        _earlier(root),
    )


def _earlier(root: Path) -> list[Earlier]:
    """Versions that are there and versions that were deleted, by number."""
    found = {
        entry["version"]: Earlier(
            entry["version"], str(entry.get("created")), str(entry.get("run") or ""), deleted=str(entry.get("deleted"))
        )
        for entry in deleted_versions(root)
    }
    for version in versions_of(root):
        try:
            manifest = read_model(root / str(version)).manifest
        except ContractError:  # `kerasmed models verify` tells of it; it must not keep a new version from being made
            found[version] = Earlier(version, "unreadable", "")
            continue
        run = (manifest.get("source") or {}).get("run")
        found[version] = Earlier(
            version, str(manifest.get("created")), str(run or ""), _report(root / str(version) / REPORT)
        )
    return [found[version] for version in sorted(found)]


def _report(path: Path) -> Report | None:
    try:
        return read_report(path) if path.is_file() else None
    except DataError:  # of an older layout; the changelog then tells no change
        return None
