"""The batches of a run, and the model fitted on them."""

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed import runtime
from kerasmed.config.run import Loader, RunConfig
from kerasmed.data.loaders.batches import BatchStream, class_weights, draw_chances
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, unknown
from kerasmed.evaluation.map_metrics import MapTally
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.judge import measure_logits
from kerasmed.workflows.prepare import Material
from kerasmed.workflows.run_folder import update_manifest
from kerasmed.workflows.starting import start_from_weights

if TYPE_CHECKING:
    import keras

    from kerasmed.training.fit import History
    from kerasmed.training.interruption import Interruption

log = logging.getLogger(__name__)


def training_stream(config: RunConfig, material: Material, rows: Array) -> BatchStream:
    """The batches that `rows` give.

    Raises:
        ConfigError: The dataset has no labels; `loader.class_shares` names a class that is none, or only classes
            without an example.
    """
    spec, arrays = material.prepared.spec, material.prepared.arrays
    if not spec.targets:
        raise ConfigError(f"{config.dataset.kind} has no labels to train on; kerasmed pretrain does without them.")
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


def with_fitting_batch(config: RunConfig, material: Material, rows: Array) -> RunConfig:
    """`config` with the largest batch that fits in memory, where `trainer.auto_batch` asks for it.

    What is found becomes the setting, so that a resumed or a reproduced run takes the same batches.
    """
    if not config.trainer.auto_batch:
        return config
    from kerasmed.training.auto_batch import with_largest_batch

    return with_largest_batch(config, material.prepared.spec, training_stream(config, material, rows))


def fit_stream(
    config: RunConfig, material: Material, stream: BatchStream, validation: Array, folder: Path,
    interruption: "Interruption",
) -> "keras.Model":  # fmt: skip
    """A model fitted on `stream`, its epoch chosen on rows `validation`; history and checkpoints go to `folder`.

    Where the run trains on crops, the model returned reads whole examples all the same.
    """
    from kerasmed.models.windows import build_network, whole_model
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    spec = material.prepared.spec
    runtime.seed_everything(config.seed)
    runtime.use_precision(config.trainer.precision)
    model = build_network(config, spec)
    log.info(
        "%s: %d parameters, %d training examples on %s",
        model.name, model.count_params(), len(stream.rows), config.backend,
    )  # fmt: skip
    measure = measure_logits(spec, material.dataset.protocol)
    start_from_weights(model, config, material, folder)
    scored = ValidationRows(validation, measure, MapTally if spec.asks_for_maps else None)
    history = fit(model, spec, stream, scored, config, folder, interruption)
    note_fit(folder, model, history)
    return whole_model(model, spec, config.crops)


def note_fit(folder: Path, model: "keras.Model", history: "History") -> None:
    """Write into the manifest what fitting came to."""
    from kerasmed.training.variables import read_variables

    update_manifest(
        folder, parameters=model.count_params(), epochs=len(history.rows),
        kept=history.kept, kept_epoch=history.kept_epoch,
        best={"metric": history.best.metric, "value": history.best.value if history.best.epoch else None},
        weights_sha256=_weights_digest(read_variables(model.weights)),
    )  # fmt: skip


def _chances(loader: Loader, spec: ExampleSpec, material: Material, rows: Array) -> Array | None:
    if loader.class_shares is None:
        return None
    if spec.target.task == "multi_label":
        raise ConfigError(
            "loader.class_shares draws by the one class of an example, and here an example has several labels; "
            "write trainer.positive_weights instead."
        )
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
    if config.trainer.class_weights != "none" and all(target.task == "multi_label" for target in spec.targets.values()):
        raise ConfigError(
            f"trainer.class_weights={config.trainer.class_weights}: here an example has several labels "
            "and no one class; write trainer.positive_weights instead."
        )
    (first, *_) = targets.values()
    weights = np.ones(len(first), np.float32)
    for name, target in spec.targets.items():
        if target.task == "single_label":
            weights *= class_weights(targets[name], len(target.classes), config.trainer.class_weights)[targets[name]]
    return weights


def _weights_digest(weights: list[Array]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in weights)).hexdigest()
