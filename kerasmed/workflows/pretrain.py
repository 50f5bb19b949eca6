"""kerasmed pretrain: signals without labels -> a run folder whose encoder a training can start from."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed import runtime
from kerasmed.config.run import RunConfig
from kerasmed.config.transformers import TransformerConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.prepared import Progress
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError
from kerasmed.workflows.fitting import note_fit
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.starting import start_from_weights

if TYPE_CHECKING:
    from kerasmed.training.fit import History
    from kerasmed.training.interruption import Interruption

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pretrained:
    """What a pretraining came to.

    Attributes:
        epochs: That it took.
        kept_epoch: Whose weights it keeps.
        loss: Mean squared error of hidden patches of the validation records in that epoch; of the training's where
            there are none.
    """

    epochs: int
    kept_epoch: int
    loss: float | None

    def to_json(self) -> dict[str, Any]:
        """A JSON tree in the form of a report's."""
        return {"metrics": {"masked_error": {"value": self.loss}}, "badges": []}

    def in_words(self) -> str:
        """For a terminal."""
        loss = "not finite" if self.loss is None else f"{self.loss:.4f}"
        return f"pretrained for {self.epochs} epochs; error of hidden patches {loss} in epoch {self.kept_epoch}"


def plan_pretraining(
    config: RunConfig, places: Places, progress: Progress | None
) -> tuple[RunConfig, Material, Callable[[Path, "Interruption"], Pretrained]]:
    """The work of a pretraining: fitted on the training records, its epoch chosen on the validation records.

    Raises:
        ConfigError: A setting means nothing without classes.
    """
    if config.trainer.auto_batch or getattr(config.dataset, "cross_validate", False):
        raise ConfigError("a pretraining has neither trainer.auto_batch nor dataset.cross_validate: set them to false.")
    if config.crops.length_s is not None:
        raise ConfigError("a pretraining reads whole records: write crops.length_s=null.")
    material = gather_material(config.dataset, config.seed, places, progress)
    stream = masked_stream(config, material)

    def work(folder: Path, interruption: "Interruption") -> Pretrained:
        history = _fit_masked(config, material, stream, folder, interruption)
        _show_history(folder)
        row = history.rows[history.kept_epoch - 1]
        return Pretrained(len(history.rows), history.kept_epoch, row.get("val_loss", row["loss"]))

    return config, material, work


def masked_stream(config: RunConfig, material: Material) -> BatchStream:
    """The batches of the training records; the network makes its target of the signal, so that of a batch is empty."""
    from kerasmed.models.pretraining import TARGET

    rows = material.splits.train
    return BatchStream(
        inputs={"signal": material.prepared.arrays["signal"]},
        targets={TARGET: np.zeros(len(material.prepared), np.float32)},
        rows=rows,
        weights=np.ones(len(rows), np.float32),
        batch_size=config.loader.batch_size,
        seed=config.seed,
    )


def _fit_masked(
    config: RunConfig, material: Material, stream: BatchStream, folder: Path, interruption: "Interruption"
) -> "History":
    from kerasmed.models.pretraining import build_pretraining, pretraining_spec
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    assert isinstance(config.model, TransformerConfig)
    assert config.pretraining is not None
    spec = material.prepared.spec
    runtime.seed_everything(config.seed)
    runtime.use_precision(config.trainer.precision)
    model = build_pretraining(config.model, spec, config.pretraining)
    log.info("%s: %d parameters, %d examples on %s", model.name, model.count_params(), len(stream.rows), config.backend)
    start_from_weights(model, config, material, folder)
    validation = ValidationRows(material.splits.validation, _measure_nothing)
    history = fit(model, pretraining_spec(spec), stream, validation, config, folder, interruption)
    note_fit(folder, model, history)
    return history


def _measure_nothing(logits: Any, targets: Any) -> dict[str, float]:
    """The loss says it all."""
    return {}


def _show_history(folder: Path) -> None:
    from kerasmed.evaluation.history import show_history

    rows: list[dict[str, Array]] = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    show_history(rows, folder / "plots" / "history.png")
