"""kerasmed train: a run file -> a run folder with a fitted, judged model."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.run import RunConfig
from kerasmed.data.prepared import QUARANTINE, Progress
from kerasmed.evaluation.map_report import MapReport
from kerasmed.evaluation.report import Report
from kerasmed.tracking.follow import following
from kerasmed.tracking.kinds import check_trackers
from kerasmed.training.interruption import Interruption
from kerasmed.workflows.cross_validate import plan_folds
from kerasmed.workflows.explained_answers import explain_answers
from kerasmed.workflows.fitting import fit_stream, training_stream, with_fitting_batch
from kerasmed.workflows.judge import judge, score_rows, write_report
from kerasmed.workflows.maps import plan_maps
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.pretrain import Pretrained, plan_pretraining
from kerasmed.workflows.run_folder import claimed, create_run, recorded

# What a run does in its folder, from the beginning or from its newest checkpoint on.
Work = Callable[[Path, Interruption], Report | MapReport | Pretrained]


def train(
    config: RunConfig, places: Places, progress: Progress | None = None, notes: Mapping[str, Any] | None = None
) -> tuple[Path, Report | MapReport | Pretrained]:
    """Fit the model that `config` describes and judge it, or pretrain it; the backend must have been chosen.

    Args:
        config: The run.
        places: Where data, runs and prepared sets lie.
        progress: Called with (records done, records in all).
        notes: What the manifest is to say besides.
    """
    check_trackers(config.tracking)
    config, material, work = plan(config, places, progress)
    folder = open_run_folder(config, places, material, notes or {})
    with claimed(folder), following(folder, config), recorded(folder) as interruption:
        outcome = work(folder, interruption)
    return folder, outcome


def plan(config: RunConfig, places: Places, progress: Progress | None) -> tuple[RunConfig, Material, Work]:
    """The settings that this machine allows, the data as the reports of the run describe them, and the run's work."""
    if config.pretraining is not None:
        return plan_pretraining(config, places, progress)
    if getattr(config.dataset, "cross_validate", False):
        return plan_folds(config, places, progress)
    material = gather_material(config.dataset, config.seed, places, progress)
    if material.prepared.spec.asks_for_maps:
        return plan_maps(config, material)
    config = with_fitting_batch(config, material, material.splits.train)
    stream = training_stream(config, material, material.splits.train)

    def work(folder: Path, interruption: Interruption) -> Report:
        model = fit_stream(config, material, stream, material.splits.validation, folder, interruption)
        judged = score_rows(model, material, material.splits.test, config)
        report = judge(judged, material, config)
        explained = explain_answers(model, judged, material, config, folder / "plots")
        write_report(report, judged, material, folder, explained)
        return report

    return config, material, work


def open_run_folder(config: RunConfig, places: Places, material: Material, notes: Mapping[str, Any]) -> Path:
    """A new run folder that names its data and its split."""
    facts = {"backend": config.backend, "seed": config.seed, **data_facts(places, material), **notes}
    folder = create_run(places.runs, config, facts)
    describe_data(folder, material)
    return folder


def data_facts(places: Places, material: Material) -> dict[str, Any]:
    """What a manifest says of the data and of their split."""
    counts = {
        name: material.prepared.manifest[name] for name in ("num_examples", "num_records", "dropped", "quarantined")
    }
    data = {"root": str(places.data.resolve()), "fingerprint": material.prepared.fingerprint, **counts}
    return {"data": data, "split": material.facts["digest"]}


def describe_data(folder: Path, material: Material) -> None:
    """Write what the examples are, how they were split and which records were left out."""
    files.write_json(folder / "spec.json", material.prepared.spec.to_json())
    files.write_json(folder / "split.json", material.facts)
    if material.prepared.quarantine:
        shutil.copyfile(material.prepared.folder / QUARANTINE, folder / QUARANTINE)
