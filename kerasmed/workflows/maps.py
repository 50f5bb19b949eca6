"""Networks that answer with maps: their run's work, their report, a picture of what they see."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed import files
from kerasmed.config.run import RunConfig
from kerasmed.config.unet import EcgUnet
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError
from kerasmed.evaluation.map_metrics import MapTally
from kerasmed.evaluation.map_report import MapReport, judge_maps
from kerasmed.workflows.fitting import fit_stream, training_stream, with_fitting_batch
from kerasmed.workflows.prepare import Material

if TYPE_CHECKING:
    import keras

    from kerasmed.training.interruption import Interruption

SHOWN = 4  # examples in the picture
log = logging.getLogger(__name__)


def plan_maps(
    config: RunConfig, material: Material
) -> tuple[RunConfig, Material, Callable[[Path, "Interruption"], MapReport]]:
    """The work of a run whose examples ask for maps.

    Raises:
        ConfigError: The network answers with classes, or a setting means nothing without them.
    """
    _refuse_classes(config)
    config = with_fitting_batch(config, material, material.splits.train)
    stream = training_stream(config, material, material.splits.train)

    def work(folder: Path, interruption: "Interruption") -> MapReport:
        model = fit_stream(config, material, stream, material.splits.validation, folder, interruption)
        return judge_map_run(folder, model, material, config)

    return config, material, work


def judge_map_run(folder: Path, model: "keras.Model", material: Material, config: RunConfig) -> MapReport:
    """Judge a fitted network on the test rows; write report.json and plots."""
    from kerasmed.config.run import Augmentation
    from kerasmed.evaluation.history import show_history
    from kerasmed.evaluation.map_picture import show_maps
    from kerasmed.training.front import build_trainee
    from kerasmed.training.scoring import score_batches

    spec, arrays, index = material.prepared.spec, material.prepared.arrays, material.prepared.index
    rows, tally = material.splits.test, MapTally()
    shown: list[tuple[Array, dict[str, Array]]] = []
    trainee = build_trainee(model, spec, Augmentation())
    inputs = {name: arrays[name] for name in spec.inputs}
    for chosen, logits in score_batches(trainee, inputs, rows, config.evaluation.batch_size):
        tally.add(logits, {name: np.asarray(arrays[name][chosen]) for name in spec.targets})
        for place in range(min(len(chosen), SHOWN - len(shown))):
            shown.append((arrays["image"][chosen[place]], {name: values[place] for name, values in logits.items()}))
    groups = {name: index[name][rows] for name in material.dataset.subgroups}
    metrics, by_group = judge_maps(tally.measured, index["patient"][rows], groups, config.evaluation, config.seed)
    settings = config.evaluation
    report = MapReport(
        material.dataset.protocol, metrics, by_group,
        {name: len(np.unique(index[column][rows])) for name, column in COUNTED.items()},
        {"resamples": settings.bootstrap, "confidence": settings.confidence, "seed": config.seed},
        material.dataset.notes, material.facts,
    )  # fmt: skip
    show_maps(shown, folder / "plots" / "maps.png")
    history = folder / "metrics.jsonl"
    if history.is_file():
        show_history([json.loads(line) for line in history.read_text().splitlines()], folder / "plots" / "history.png")
    files.write_json(folder / "report.json", report.to_json())
    return report


COUNTED = {"examples": "id", "pages": "record", "patients": "patient"}


def _refuse_classes(config: RunConfig) -> None:
    if not isinstance(config.model, EcgUnet):
        raise ConfigError(f"{config.model.kind} answers with classes, and pages ask for maps; choose model=ecg_unet.")
    for field, set_to in (
        ("loader.class_shares", config.loader.class_shares is not None),
        ("trainer.class_weights", config.trainer.class_weights != "none"),
        ("trainer.positive_weights", config.trainer.positive_weights != "none"),
        ("crops.length_s", config.crops.length_s is not None),
    ):
        if set_to:
            raise ConfigError(f"{field} is for examples with classes or of signals, and these are pages; leave it out.")
