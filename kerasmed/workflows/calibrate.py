"""kerasmed calibrate: a finished run -> thresholds.json, and its report with calibrated scores."""

from dataclasses import dataclass
from pathlib import Path

from kerasmed import files
from kerasmed.calibration import THRESHOLDS, Calibration, calibrations_to_json
from kerasmed.config.run import Calibrator
from kerasmed.data.prepared import Progress
from kerasmed.errors import ConfigError
from kerasmed.evaluation.calibrate import calibrate
from kerasmed.evaluation.report import Report
from kerasmed.workflows.evaluate import refuse_other_data
from kerasmed.workflows.judge import judge_again, score_rows
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.run_folder import claimed, load_run_model, open_run, read_manifest, resume_command


@dataclass(frozen=True)
class Calibrated:
    """What came of it: the calibration, where it was written, and the report with it."""

    calibration: Calibration
    path: Path
    report: Report


def calibrate_run(folder: Path, settings: Calibrator, places: Places, progress: Progress | None = None) -> Calibrated:
    """Fit a calibration on the validation rows of a finished run with its kept weights, and judge the run again.

    A thresholds.json that is there is replaced. The backend of this process must be the run's.

    Args:
        folder: Run folder.
        settings: How to calibrate.
        places: Where data and prepared sets lie.
        progress: Called with (records done, records in all).

    Raises:
        ConfigError: The run has not come to its end, was cross-validated, has no validation rows or no classes.
        DataError: The data are not those that it was trained on.
    """
    config, spec = open_run(folder)
    if spec.asks_for_maps:
        raise ConfigError(f"{folder} answers with maps of pages, which are not calibrated.")
    with claimed(folder):
        material = gather_material(config.dataset, config.seed, places, progress)
        refuse_other_data(read_manifest(folder), material, folder)
        return calibrate_on(folder, material, settings)


def calibrate_on(folder: Path, material: Material, settings: Calibrator) -> Calibrated:
    """`calibrate_run` on data that are at hand."""
    weights = read_manifest(folder).get("weights_sha256")
    if weights is None:
        raise ConfigError(f"{folder} keeps no weights yet; finish it first: {resume_command(folder)}")
    _refuse_no_rows(folder, material)
    model, config, spec = load_run_model(folder)
    held_out = score_rows(model, material, material.splits.validation, config)
    calibration = calibrate(held_out, settings)
    (name,) = spec.targets
    path = folder / THRESHOLDS
    files.write_json(path, calibrations_to_json({name: calibration}, weights))
    return Calibrated(calibration, path, judge_again(folder, model, material, config))


def _refuse_no_rows(folder: Path, material: Material) -> None:
    if len(material.splits.validation):
        return
    raise ConfigError(
        f"{folder}: its protocol {material.dataset.protocol.name} set no records aside, and those that judge must not "
        "calibrate. Train again with records that no weight is fitted on: "
        "dataset.validation_records=[112,205,207,223], or by a protocol that has them (dataset=mitbih_ds1)."
    )
