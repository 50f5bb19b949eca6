"""The thresholds.json of a run: opened by whoever scores with its model."""

import json
from pathlib import Path

from kerasmed.calibration import THRESHOLDS, Calibration, calibrations_from_json
from kerasmed.errors import ContractError
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.run_folder import read_manifest


def open_calibrations(folder: Path, spec: ExampleSpec) -> dict[str, Calibration]:
    """The calibrations that `kerasmed calibrate` left in a run; none where it never ran.

    Raises:
        ContractError: thresholds.json is damaged, or of other weights than those that the run keeps.
    """
    path = folder / THRESHOLDS
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ContractError(f"{path}: is damaged; make it again: kerasmed calibrate {folder}") from error
    found = calibrations_from_json(tree, spec, str(path))
    if tree.get("weights_sha256") != read_manifest(folder).get("weights_sha256"):
        raise ContractError(f"{path}: was fitted on other weights; make it again: kerasmed calibrate {folder}")
    return found
