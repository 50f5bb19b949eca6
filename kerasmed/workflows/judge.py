"""Scores of a fitted model -> report.json, report.html and plots of its run."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed import files
from kerasmed.config.run import RunConfig
from kerasmed.data.dataset import Protocol
from kerasmed.data.records import Array
from kerasmed.evaluation.calibrate import calibrated
from kerasmed.evaluation.calibrated import measure_calibrated
from kerasmed.evaluation.classification import measure_epoch
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.judged import Grouping, Judged
from kerasmed.evaluation.report import Report
from kerasmed.evaluation.scaling import probabilities
from kerasmed.evaluation.scored import SCORES, save_scores
from kerasmed.evaluation.subgroups import group
from kerasmed.public import public_facts
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.explained_answers import explain_answers
from kerasmed.workflows.prepare import Material
from kerasmed.workflows.run_folder import read_manifest
from kerasmed.workflows.thresholds import open_calibrations

if TYPE_CHECKING:
    import keras

    from kerasmed.training.scoring import Measure

SELF_CALIBRATED = "calibrated on the records that judge: expect worse calibration and coverage on others"


def measure_logits(spec: ExampleSpec, protocol: Protocol) -> "Measure":
    """What is measured after every epoch; names carry the target where there are several."""

    def measure(logits: Mapping[str, Array], targets: Mapping[str, Array]) -> dict[str, float]:
        measured: dict[str, float] = {}
        for name, target in spec.targets.items():
            prefix = f"{name}_" if len(spec.targets) > 1 else ""
            values = measure_epoch(probabilities(logits[name], target), targets[name], target, protocol.macro_classes)
            measured.update({prefix + metric: value for metric, value in values.items()})
        return measured

    return measure


def score_rows(model: "keras.Model", material: Material, rows: Array, config: RunConfig) -> Judged:
    """Scores of `rows` beside their truth."""
    from kerasmed.config.run import Augmentation
    from kerasmed.models.windows import records_at_once
    from kerasmed.training.front import build_trainee
    from kerasmed.training.scoring import score

    spec, arrays, index = material.prepared.spec, material.prepared.arrays, material.prepared.index
    (name,) = spec.targets
    inputs = {key: arrays[key] for key in spec.inputs}
    logits = score(build_trainee(model, spec, Augmentation()), inputs, rows, records_at_once(config, spec))
    return Judged(
        target=spec.target,
        scores=probabilities(logits[name], spec.target),
        targets=np.asarray(arrays[name][rows]),
        groups=index["record"][rows],
        patients=index["patient"][rows],
        ids=index["id"][rows],
        logits=logits[name],
        first=index["first"][rows] if "first" in index else None,
        subgroups=_subgroups(material, rows),
    )


def _subgroups(material: Material, rows: Array) -> dict[str, Grouping]:
    """Groups of `rows`, their names from all rows, so that they are the same for every choice of rows."""
    every = {name: group(material.prepared.index[name], edges) for name, edges in material.dataset.subgroups.items()}
    return {name: replace(grouping, member=grouping.member[rows]) for name, grouping in every.items()}


def judge(judged: Judged, material: Material, config: RunConfig, calibrated: Mapping[str, Any] | None = None) -> Report:
    """The report of `judged` by the rules of its dataset; `calibrated` says what a calibration changed."""
    dataset = material.dataset
    return evaluate(judged, dataset.protocol, config.evaluation, config.seed, dataset.notes, material.facts, calibrated)


def judge_again(folder: Path, model: "keras.Model", material: Material, config: RunConfig) -> Report:
    """Judge a run, calibrated where it has a thresholds.json, and write report, page and plots anew."""
    judged = score_rows(model, material, material.splits.test, config)
    calibrations = open_calibrations(folder, material.prepared.spec)
    part = None
    if calibrations:
        (calibration,) = calibrations.values()
        plain, judged = judged, calibrated(judged, calibration)
        part = measure_calibrated(plain, judged, calibration, config.evaluation, config.seed)
        material = _warned(material)
    report = judge(judged, material, config, part)
    explained = explain_answers(model, judged, material, config, folder / "plots")
    write_report(report, judged, material, folder, explained)
    return report


def _warned(material: Material) -> Material:
    """With a badge where the rows that calibrated are among those that judge."""
    splits, dataset = material.splits, material.dataset
    if not len(np.intersect1d(splits.validation, splits.test)):
        return material
    protocol = replace(dataset.protocol, badges=(*dataset.protocol.badges, SELF_CALIBRATED))
    return replace(material, dataset=replace(dataset, protocol=protocol))


def write_report(
    report: Report, judged: Judged, material: Material, folder: Path, explained: Mapping[str, Path] | None = None
) -> None:
    """report.json, report.html, scores.npz and plots/ in the run folder; `explained` are further pictures."""
    from kerasmed.evaluation.history import show_history
    from kerasmed.evaluation.page import write_page
    from kerasmed.evaluation.plots import show_report

    pictures = show_report(report, judged, folder / "plots")
    history = folder / "metrics.jsonl"
    if history.is_file():
        rows = [json.loads(line) for line in history.read_text().splitlines()]
        show_history(rows, folder / "plots" / "history.png")
        pictures["History"] = folder / "plots" / "history.png"
    pictures.update(_worst(report, material, folder / "plots" / "worst.png"))
    pictures.update(explained or {})
    save_scores(judged, folder / SCORES)
    files.write_json(folder / "report.json", report.to_json())
    write_page(folder / "report.html", folder.name, report, pictures, public_facts(read_manifest(folder)))


def _worst(report: Report, material: Material, path: Path) -> dict[str, Path]:
    from kerasmed.evaluation.worst import show_worst, show_worst_pictures

    spec, index = material.prepared.spec, material.prepared.index
    drawn = [name for name, array in spec.inputs.items() if array.rate_hz is not None or len(array.shape) >= 3]
    if not drawn or not report.worst:
        return {}
    array = spec.inputs[drawn[0]]
    rows = [int(np.flatnonzero(index["id"] == row["id"])[0]) for row in report.worst]
    values: Array = material.prepared.arrays[drawn[0]][rows].astype(np.float32) * array.scale
    if len(array.shape) == 4:
        values = values[:, values.shape[1] // 2]  # the slice in the middle stands for a volume
    if len(array.shape) >= 3:
        show_worst_pictures(report.worst, values, path)
        return {"The most wrong answers": path}
    show_worst(report.worst, values, float(array.rate_hz or 1), array.channels, path, array.unit)
    return {"The most wrong answers": path}
