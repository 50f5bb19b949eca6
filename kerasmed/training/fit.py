"""The only `compile` and the only `fit` of the program: every task, every backend."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.config.run import Loader, RunConfig, Trainer
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.batches import BatchStream, scoring_batches
from kerasmed.errors import ConfigError, TrainingError
from kerasmed.spec import ExampleSpec
from kerasmed.training.callbacks.averaging import SwapAverage
from kerasmed.training.callbacks.finite import StopWhenNotFinite
from kerasmed.training.callbacks.keep import KeepCheckpoints
from kerasmed.training.callbacks.plateau import LowerOnPlateau
from kerasmed.training.callbacks.progress import ShowBar, ShowEpochs
from kerasmed.training.callbacks.record import RecordHistory, WriteHistory
from kerasmed.training.callbacks.stopping import StopEarly, StopInTime
from kerasmed.training.callbacks.validate import Validate
from kerasmed.training.checkpoint import load_weights
from kerasmed.training.front import build_trainee
from kerasmed.training.losses import build_loss
from kerasmed.training.monitor import Best, check_monitor
from kerasmed.training.optimizer import build_optimizer

log = logging.getLogger(__name__)
Array = np.ndarray
# (logits, targets) by target name -> metrics by plain name; NaN where one is undefined.
Measure = Callable[[Mapping[str, Array], Mapping[str, Array]], dict[str, float]]


@dataclass(frozen=True)
class History:
    """What fitting did: a row of logs for each epoch; the checkpoint and epoch whose weights the model now has."""

    rows: list[dict[str, Any]]
    best: Best
    kept: str
    kept_epoch: int


@dataclass(frozen=True)
class ValidationRows:
    """The rows scored after every epoch, and how they are measured."""

    rows: Array
    measure: Measure


def fit(
    model: keras.Model,
    spec: ExampleSpec,
    stream: BatchStream,
    validation: ValidationRows,
    config: RunConfig,
    folder: Path,
) -> History:
    """Fit `model` on `stream`; afterwards it has the weights that `trainer.keep` asks for.

    Args:
        model: From physical inputs to logits, by name.
        spec: Of the examples.
        stream: The training batches.
        validation: What is scored after every epoch; without a row, nothing chooses an epoch and the last one is kept.
        config: The run.
        folder: Run folder; history and checkpoints are written there as they come.

    Raises:
        ConfigError: The monitor is no metric of this task, or the backend cannot do what is asked.
        TrainingError: The loss became not finite, or memory ran out.
    """
    trainer = config.trainer if len(validation.rows) else _without_choice(config.trainer)
    trainee = compile_trainee(model, spec, stream, config)
    validate = _validation(trainee, spec, stream, validation, config)
    check_monitor(trainer.monitor, _known_metrics(spec, stream, validation))
    best = Best(trainer.monitor)
    record = RecordHistory(folder, stream.steps_per_epoch * stream.batch_size)
    scored = Validate(validate, model)
    keep = KeepCheckpoints(folder / "checkpoints", scored, best, trainer.checkpoint_every)
    bar = [ShowBar(trainer.epochs, stream.steps_per_epoch)] if sys.stderr.isatty() else []
    swap = [SwapAverage()] if trainer.ema_decay is not None else []
    callbacks = [
        StopWhenNotFinite(), record, *swap, scored, *swap, keep, *_endings(trainer, best),
        ShowEpochs(trainer.epochs, trainer.monitor), WriteHistory(record), *bar,
    ]  # fmt: skip
    with _plain_errors(config), _closing(bar):
        trainee.fit(
            open_stream(stream, _with_engine(config.loader)), steps_per_epoch=stream.steps_per_epoch,
            epochs=trainer.epochs, callbacks=callbacks, shuffle=False, verbose=0,
        )  # fmt: skip
    kept = "best" if trainer.keep == "best" and best.epoch else "last"
    load_weights(folder / "checkpoints" / kept, model)
    return History(record.rows, best, kept, best.epoch if kept == "best" else len(record.rows))


def compile_trainee(model: keras.Model, spec: ExampleSpec, stream: BatchStream, config: RunConfig) -> keras.Model:
    """`model` behind its front, compiled with the loss and the optimizer of the run."""
    if config.trainer.steps_per_execution > 1 and keras.backend.backend() == "torch":
        raise ConfigError(
            "trainer.steps_per_execution must be 1 on torch: keras' torch trainer runs one step at a time."
        )
    trainee = build_trainee(model, spec, config.augmentation)
    trainee.compile(
        optimizer=build_optimizer(config.trainer, stream.steps_per_epoch),
        loss={name: build_loss(config.trainer, target) for name, target in spec.targets.items()},
        steps_per_execution=config.trainer.steps_per_execution,
    )
    return trainee


def score(trainee: keras.Model, inputs: Mapping[str, Array], rows: Array, batch_size: int) -> dict[str, Array]:
    """float32 logits of `rows` by target name, from stored inputs; memory holds one batch of inputs at a time."""
    batches = ((batch,) for batch in scoring_batches(inputs, rows, batch_size))
    outputs = trainee.predict(batches, steps=-(-len(rows) // batch_size), verbose=0)
    return {name: np.asarray(values[: len(rows)], dtype=np.float32) for name, values in outputs.items()}


def _validation(
    trainee: keras.Model, spec: ExampleSpec, stream: BatchStream, validation: ValidationRows, config: RunConfig
) -> Callable[[], dict[str, float | None]]:
    targets = {name: np.asarray(values[validation.rows]) for name, values in stream.targets.items()}

    def validate() -> dict[str, float | None]:
        if not len(validation.rows):
            return {}
        logits = score(trainee, stream.inputs, validation.rows, config.evaluation.batch_size)
        losses = [build_loss(config.trainer, spec.targets[name])(targets[name], logits[name]) for name in logits]
        total = float(sum(ops.convert_to_numpy(loss) for loss in losses))
        measured = {"loss": total, **validation.measure(logits, targets)}
        return {name: value if np.isfinite(value) else None for name, value in measured.items()}

    return validate


def _known_metrics(spec: ExampleSpec, stream: BatchStream, validation: ValidationRows) -> set[str]:
    if not len(validation.rows):
        return {"loss"}
    targets = {name: np.asarray(values[validation.rows]) for name, values in stream.targets.items()}
    blank = {
        name: np.zeros((len(validation.rows), len(target.classes)), np.float32) for name, target in spec.targets.items()
    }
    return {"loss", "val_loss", *(f"val_{name}" for name in validation.measure(blank, targets))}


def _with_engine(loader: Loader) -> Loader:
    if loader.engine != "auto":
        return loader
    # Keras hands grain's batches to TensorFlow through a python generator, which cost 5 to 12 % of a step.
    return loader.model_copy(update={"engine": "tfdata" if keras.backend.backend() == "tensorflow" else "grain"})


def _without_choice(trainer: Trainer) -> Trainer:
    log.info("no validation examples: every epoch is trained and the last one is kept")
    return trainer.model_copy(update={"monitor": "loss", "keep": "last", "early_stopping": None})


def _endings(trainer: Trainer, best: Best) -> list[keras.callbacks.Callback]:
    endings: list[keras.callbacks.Callback] = []
    if trainer.schedule == "plateau":
        endings.append(LowerOnPlateau(best, trainer.plateau_patience, trainer.plateau_factor))
    if trainer.early_stopping is not None:
        endings.append(StopEarly(best, trainer.early_stopping))
    if trainer.time_budget_min is not None:
        endings.append(StopInTime(trainer.time_budget_min))
    return endings


@contextmanager
def _closing(bars: list[ShowBar]) -> Iterator[None]:
    try:
        yield
    finally:
        for bar in bars:
            bar.close()


@contextmanager
def _plain_errors(config: RunConfig) -> Iterator[None]:
    """No disk, and a backend's way of saying "no memory", in one line."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{error.filename or 'a file of the run'}: {error.strerror or error}; make room, and train again. "
            "The checkpoints before it are intact."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(
            word in str(error) for word in ("RESOURCE_EXHAUSTED", "out of memory")
        ):
            raise
        half = max(1, config.loader.batch_size // 2)
        raise TrainingError(
            f"out of memory at loader.batch_size={config.loader.batch_size}; try loader.batch_size={half}."
        ) from error
