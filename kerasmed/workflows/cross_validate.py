"""kerasmed train ... dataset.cross_validate=true: every record is judged by a model that never saw it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import MitbihBeats
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.prepared import Progress
from kerasmed.data.records import Array
from kerasmed.data.splits import folds
from kerasmed.errors import ConfigError
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.report import Report
from kerasmed.training.interruption import Interruption
from kerasmed.workflows.fitting import fit_stream, training_stream, with_fitting_batch
from kerasmed.workflows.judge import judge, score_rows, write_report
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, describe_splits, gather_material
from kerasmed.workflows.run_folder import update_manifest

log = logging.getLogger(__name__)
NOTE = (
    "Cross-validated over records: each record was judged by a model fitted on the others. Every fold keeps its last "
    "epoch, so the records that judge chose nothing."
)


def plan_folds(
    config: RunConfig, places: Places, progress: Progress | None
) -> tuple[RunConfig, Material, Callable[[Path, Interruption], Report]]:
    """The work of one model per fold, all folds' held-out records judged together.

    Raises:
        ConfigError: The trainer would choose an epoch by the records that judge.
    """
    _refuse_selection(config)
    if config.dataset.label_rate is not None:
        raise ConfigError("dataset.label_rate has no meaning with dataset.cross_validate: set one of them to null.")
    material = gather_material(config.dataset, config.seed, places, progress)
    assert isinstance(config.dataset, MitbihBeats)
    parts = folds(material.prepared.index, config.dataset.num_folds, config.seed)
    facts = [describe_splits(material.dataset, material.prepared, splits) for splits in parts]
    material = _noted(material, {**material.facts, "folds": [fact["test"]["records"] for fact in facts]})
    config = with_fitting_batch(config, material, min((splits.train for splits in parts), key=len))
    streams = [training_stream(config, material, splits.train) for splits in parts]

    def work(folder: Path, interruption: Interruption) -> Report:
        fold_folders = [folder / "folds" / f"{number + 1:02d}" for number in range(len(parts))]
        judged = _pooled(
            [
                _judge_fold(config, material, stream, splits.test, part, interruption)
                for stream, splits, part in zip(streams, parts, fold_folders, strict=True)
            ]
        )
        report = judge(judged, material, config)
        write_report(report, judged, material, folder)
        return report

    return config, material, work


def _refuse_selection(config: RunConfig) -> None:
    trainer = config.trainer
    if trainer.keep == "best" or trainer.early_stopping is not None or trainer.schedule == "plateau":
        raise ConfigError(
            "cross-validation has no records left to choose an epoch by: "
            "set trainer.keep=last trainer.early_stopping=null and a schedule other than plateau."
        )


def _noted(material: Material, facts: dict[str, object]) -> Material:
    notes = (NOTE, *material.dataset.notes)
    protocol = replace(material.dataset.protocol, badges=(), judged_on="validation")
    return replace(material, dataset=replace(material.dataset, notes=notes, protocol=protocol), facts=facts)


def _judge_fold(
    config: RunConfig, material: Material, stream: BatchStream, rows: Array, folder: Path, interruption: Interruption
) -> Judged:
    import keras

    keras.utils.clear_session()
    held_out = sorted(set(material.prepared.index["record"][rows].tolist()))
    log.info("fold %s: held out %s", folder.name, ", ".join(held_out))
    folder.mkdir(parents=True, exist_ok=True)
    update_manifest(folder, held_out=held_out)
    model = fit_stream(config, material, stream, rows, folder, interruption)
    return score_rows(model, material, rows, config)


def _pooled(judged: list[Judged]) -> Judged:
    return Judged(
        target=judged[0].target,
        scores=np.concatenate([part.scores for part in judged]),
        targets=np.concatenate([part.targets for part in judged]),
        groups=np.concatenate([part.groups for part in judged]),
        patients=np.concatenate([part.patients for part in judged]),
        ids=np.concatenate([part.ids for part in judged]),
        subgroups={
            name: replace(grouping, member=np.concatenate([part.subgroups[name].member for part in judged]))
            for name, grouping in judged[0].subgroups.items()
        },
    )
