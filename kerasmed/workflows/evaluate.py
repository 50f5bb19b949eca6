"""kerasmed evaluate: a run folder -> its report, made again from the stored weights."""

import json
from pathlib import Path

from kerasmed.data.prepared import Progress
from kerasmed.errors import DataError
from kerasmed.evaluation.report import Report
from kerasmed.workflows.judge import judge, score_rows, write_report
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material
from kerasmed.workflows.run_folder import load_run_model


def evaluate_run(folder: Path, places: Places, progress: Progress | None = None) -> Report:
    """Score the run's test rows with its kept weights and write report, page and plots anew.

    Raises:
        DataError: The data are not those that the run was trained on.
    """
    model, config, _ = load_run_model(folder)
    material = gather_material(config.dataset, config.seed, places, progress)
    recorded = json.loads((folder / "split.json").read_text())
    if material.facts["digest"] != recorded["digest"]:
        raise DataError(
            str(folder),
            "was trained on another split than these data give.",
            "Name the data root of that run: --data-dir.",
        )
    judged = score_rows(model, material, material.splits.test, config.evaluation)
    report = judge(judged, material, config)
    write_report(report, judged, material, folder)
    return report
