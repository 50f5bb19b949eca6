"""kerasmed train: a run file -> a run folder with a fitted, judged model."""

import hashlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed import files, runtime
from kerasmed.build import build
from kerasmed.config.run import Loader, RunConfig
from kerasmed.data.loaders.batches import BatchStream, class_weights, draw_chances
from kerasmed.data.prepared import QUARANTINE, Progress
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, unknown
from kerasmed.evaluation.report import Report
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.judge import judge, measure_logits, score_rows, write_report
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.run_folder import create_run, recorded, update_manifest

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


def train(config: RunConfig, places: Places, progress: Progress | None = None) -> tuple[Path, Report]:
    """Fit the model that `config` describes and judge it; the backend must have been chosen."""
    material = gather_material(config.dataset, config.seed, places, progress)
    stream = training_stream(config, material, material.splits.train)
    folder = open_run_folder(config, places, material)
    with recorded(folder):
        model = fit_stream(config, material, stream, material.splits.validation, folder)
        judged = score_rows(model, material, material.splits.test, config.evaluation)
        report = judge(judged, material, config)
        write_report(report, judged, material, folder)
    return folder, report


def open_run_folder(config: RunConfig, places: Places, material: Material) -> Path:
    """A new run folder that names its data and its split."""
    data = {"root": str(places.data.resolve()), "fingerprint": material.prepared.fingerprint}
    counts = {
        name: material.prepared.manifest[name] for name in ("num_examples", "num_records", "dropped", "quarantined")
    }
    folder = create_run(
        places.runs, config,
        {"backend": config.backend, "seed": config.seed, "data": {**data, **counts}, "split": material.facts["digest"]},
    )  # fmt: skip
    files.write_json(folder / "spec.json", material.prepared.spec.to_json())
    files.write_json(folder / "split.json", material.facts)
    if material.prepared.quarantine:
        shutil.copyfile(material.prepared.folder / QUARANTINE, folder / QUARANTINE)
    return folder


def training_stream(config: RunConfig, material: Material, rows: Array) -> BatchStream:
    """The batches that `rows` give.

    Raises:
        ConfigError: `loader.class_shares` names a class that is none, or only classes without an example.
    """
    spec, arrays = material.prepared.spec, material.prepared.arrays
    return BatchStream(
        inputs={name: arrays[name] for name in spec.inputs},
        targets={name: arrays[name] for name in spec.targets},
        rows=rows,
        weights=_example_weights(config, spec, {name: arrays[name][rows] for name in spec.targets}),
        batch_size=config.loader.batch_size,
        seed=config.seed,
        chances=_chances(config.loader, spec, material, rows),
        draws=config.loader.examples_per_epoch,
    )


def fit_stream(
    config: RunConfig, material: Material, stream: BatchStream, validation: Array, folder: Path
) -> "keras.Model":
    """A model fitted on `stream`, its epoch chosen on rows `validation`; history and checkpoints go to `folder`."""
    from kerasmed.training.checkpoint import read_variables
    from kerasmed.training.fit import ValidationRows, fit

    spec = material.prepared.spec
    runtime.seed_everything(config.seed)
    runtime.use_precision(config.trainer.precision)
    model = build(config.model, spec)
    log.info(
        "%s: %d parameters, %d training examples on %s",
        model.name, model.count_params(), len(stream.rows), config.backend,
    )  # fmt: skip
    measure = measure_logits(spec, material.dataset.protocol)
    history = fit(model, spec, stream, ValidationRows(validation, measure), config, folder)
    update_manifest(
        folder, parameters=model.count_params(), epochs=len(history.rows),
        kept=history.kept, kept_epoch=history.kept_epoch,
        best={"metric": history.best.metric, "value": history.best.value if history.best.epoch else None},
        weights_sha256=_weights_digest(read_variables(model.weights)),
    )  # fmt: skip
    return model


def _chances(loader: Loader, spec: ExampleSpec, material: Material, rows: Array) -> Array | None:
    if loader.class_shares is None:
        return None
    (name,), classes = spec.targets, spec.target.classes
    for given in loader.class_shares:
        if given not in classes:
            raise unknown("class in loader.class_shares", given, classes)
    shares = np.array([loader.class_shares.get(cls, 0.0) for cls in classes])
    labels = np.asarray(material.prepared.arrays[name][rows])
    if not shares[labels].any():
        asked = ", ".join(name for name, share in loader.class_shares.items() if share)
        raise ConfigError(
            f"loader.class_shares: no training example is of class {asked}; "
            f"there are examples of {', '.join(classes[label] for label in np.unique(labels))}."
        )
    return draw_chances(labels, material.prepared.index["record"][rows], shares, loader.record_balance)


def _example_weights(config: RunConfig, spec: ExampleSpec, targets: dict[str, Array]) -> Array:
    """float32 (n,): product over the single-label targets of the weight of the example's class."""
    (first, *_) = targets.values()
    weights = np.ones(len(first), np.float32)
    for name, target in spec.targets.items():
        if target.task == "single_label":
            weights *= class_weights(targets[name], len(target.classes), config.trainer.class_weights)[targets[name]]
    return weights


def _weights_digest(weights: list[Array]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in weights)).hexdigest()
