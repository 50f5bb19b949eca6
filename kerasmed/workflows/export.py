"""kerasmed export: a run folder -> saved_models/<name>/<version>/."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasmed.calibration import calibrations_to_json
from kerasmed.export.format_names import Format
from kerasmed.export.publish import export_run_model
from kerasmed.public import public_facts, without_records
from kerasmed.workflows.card import card_of
from kerasmed.workflows.run_folder import load_run_model, read_manifest
from kerasmed.workflows.thresholds import open_calibrations


def export_run(
    folder: Path, formats: Sequence[Format], target: Path, name: str | None = None, rate_hz: float | None = None
) -> Path:
    """Publish the kept weights of a run; the backend of this process must be the run's.

    A run that was calibrated is published calibrated. What is published names no record, no patient and no place of
    this machine.

    Args:
        folder: Run folder.
        formats: Formats to write.
        target: Folder of all saved models.
        name: Of the model; the run's own name without it.
        rate_hz: Sampling rate of the recordings that the serving graph is to read; that of the training without it.

    Raises:
        ContractError: A format does not answer as the model does, or the calibration is not of these weights; nothing
            is published.
    """
    model, config, spec = load_run_model(folder)
    facts = public_facts(read_manifest(folder))
    source = {
        "run": folder.name,
        **{key: facts.get(key) for key in ("git", "versions", "data", "split", "weights_sha256")},
    }
    evidence: dict[str, Path | Mapping[str, Any]] = {"source": source, "config.yaml": folder / "config.yaml"}
    report = folder / "report.json"
    if report.is_file():
        evidence["report.json"] = without_records(json.loads(report.read_text()))
    calibrations = open_calibrations(folder, spec)
    thresholds = calibrations_to_json(calibrations, facts["weights_sha256"]) if calibrations else None
    return export_run_model(
        model,
        spec,
        formats,
        target,
        name or config.name,
        evidence,
        thresholds=thresholds,
        rate_hz=rate_hz,
        card=None if spec.asks_for_maps else card_of,
    )
