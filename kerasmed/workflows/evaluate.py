"""kerasmed evaluate: a run folder -> its report, made again from the stored weights."""

from pathlib import Path
from typing import Any

from kerasmed.data.prepared import Progress
from kerasmed.errors import DataError
from kerasmed.evaluation.map_report import MapReport
from kerasmed.evaluation.report import Report
from kerasmed.workflows.judge import judge_again
from kerasmed.workflows.maps import judge_map_run
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.run_folder import load_run_model, open_run, read_manifest


def evaluate_run(folder: Path, places: Places, progress: Progress | None = None) -> Report | MapReport:
    """Score the run's test rows with its kept weights and write report, page and plots anew.

    Where the run was calibrated, the calibrated scores are judged.

    Raises:
        ContractError: Its thresholds.json is damaged, or of other weights.
        DataError: The data are not those that the run was trained on.
    """
    config, _ = open_run(folder)
    material = gather_material(config.dataset, config.seed, places, progress)
    refuse_other_data(read_manifest(folder), material, folder)
    model, _, spec = load_run_model(folder)
    if spec.asks_for_maps:
        return judge_map_run(folder, model, material, config)
    return judge_again(folder, model, material, config)


def refuse_other_data(manifest: dict[str, Any], material: Material, folder: Path) -> None:
    """Hold the files and the split against those that the run was trained on.

    Raises:
        DataError: They are others.
    """
    found = {"other examples": material.prepared.fingerprint, "another split": material.facts["digest"]}
    trained = {"other examples": manifest["data"]["fingerprint"], "another split": manifest["split"]}
    for what, value in found.items():
        if value != trained[what]:
            raise DataError(
                str(folder),
                f"was trained on {what} than these files give.",
                "Name the data folder of that run with --data-dir, or train again.",
            )
