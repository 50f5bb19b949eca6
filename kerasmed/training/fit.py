"""The only `compile` and the only `fit` of the program: every task, every backend."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmed.config.run import Loader, RunConfig
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.loaders.watch import Watch, WatchedStream
from kerasmed.errors import ConfigError
from kerasmed.spec import CLASS_TASKS, ExampleSpec
from kerasmed.training.callbacks.averaging import SwapAverage
from kerasmed.training.callbacks.choose import ChooseBest
from kerasmed.training.callbacks.finite import StopWhenNotFinite
from kerasmed.training.callbacks.progress import ShowBar, ShowEpochs, TellFirstStep
from kerasmed.training.callbacks.record import WriteHistory
from kerasmed.training.callbacks.save import SaveProgress
from kerasmed.training.callbacks.validate import Validate
from kerasmed.training.checkpoint import epoch_folder, load_weights
from kerasmed.training.freezing import unfreezing
from kerasmed.training.front import build_trainee
from kerasmed.training.interruption import Interruption
from kerasmed.training.layer_rates import rates_in
from kerasmed.training.losses import build_losses, loss_weights, tell_positive_weights
from kerasmed.training.mixup import MixedLoss
from kerasmed.training.monitor import Best, check_monitor
from kerasmed.training.on_jax.layers import use_kernels_of_jax
from kerasmed.training.on_tensorflow.layers import use_kernels_of_tensorflow
from kerasmed.training.on_tensorflow.steps import use_plain_steps
from kerasmed.training.on_torch.flat import can_lie_flat, lay_flat
from kerasmed.training.on_torch.layers import use_kernels_of_torch
from kerasmed.training.on_torch.step import step_at_once
from kerasmed.training.optimizer import build_optimizer
from kerasmed.training.plain_errors import plain_errors
from kerasmed.training.resume import Progress, open_progress
from kerasmed.training.room import require_room, variables_bytes
from kerasmed.training.scoring import ValidationRows, build_validation, known_metrics
from kerasmed.training.variables import all_variables
from kerasmed.training.writer import Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """What fitting did: a row of logs for each epoch; the checkpoint and epoch whose weights the model now has."""

    rows: list[dict[str, Any]]
    best: Best
    kept: str
    kept_epoch: int


def fit(
    model: keras.Model, spec: ExampleSpec, stream: BatchStream, validation: ValidationRows, config: RunConfig,
    folder: Path, interruption: Interruption | None = None, also: Sequence[keras.callbacks.Callback] = (),
) -> History:  # fmt: skip
    """Fit `model` on `stream`; afterwards it has the weights that `trainer.keep` asks for.

    Where `folder` holds a checkpoint, the training goes on from it: on the backend that wrote it, to the last bit as if
    it had never been interrupted.

    Args:
        model: From physical inputs to logits, by name; from windows of the inputs where the run trains on crops.
        spec: Of the examples, whole.
        stream: The training batches.
        validation: What is scored after every epoch; without a row, nothing chooses an epoch and the last one is kept.
        config: The run.
        folder: Run folder; history and checkpoints are written there as they come.
        interruption: Asked before every batch whether to end.
        also: Callbacks that watch, after those that add to the logs.

    Raises:
        ConfigError: The monitor is no metric of this task, or the backend cannot do what is asked.
        TrainingError: The loss became not finite, or memory or disk ran out.
        DataError: Every checkpoint in `folder` is damaged.
        KeyboardInterrupt: The end was asked for; everything up to the last batch is saved.
    """
    asked = config
    if not len(validation.rows):
        config = _without_choice(config)
    trainer, checkpoints = config.trainer, folder / "checkpoints"
    trainee = compile_trainee(model, spec, stream, config)
    check_monitor(trainer.monitor, known_metrics(spec, stream, validation))
    progress = open_progress(folder, stream, trainer, asked)
    if progress.is_over(trainer.epochs):
        log.info("nothing is left to train: %s", progress.why_over(trainer))
    else:
        require_room(folder, variables_bytes(all_variables(trainee)), variables_bytes(model.weights), trainer)
        watch = Watch(config.loader.timeout_s)
        scored = Validate(build_validation(trainee, spec, stream, validation, config, watch), model)
        _run(trainee, WatchedStream(stream, watch), scored, config, progress, interruption or Interruption(), also)
    best = progress.best
    kept = "best" if trainer.keep == "best" and best.epoch else "last"
    kept_epoch = best.epoch if kept == "best" else len(progress.record.rows)
    load_weights(epoch_folder(checkpoints, kept_epoch), model)
    return History(progress.record.rows, best, kept, kept_epoch)


def compile_trainee(model: keras.Model, spec: ExampleSpec, stream: BatchStream, config: RunConfig) -> keras.Model:
    """`model` behind its front, compiled with the loss and the optimizer of the run."""
    if config.trainer.steps_per_execution > 1 and keras.backend.backend() == "torch":
        raise ConfigError(
            "trainer.steps_per_execution must be 1 on torch: keras' torch trainer runs one step at a time."
        )
    losses = build_losses(config.trainer, spec, stream)
    tell_positive_weights(losses, spec)
    if config.augmentation.mixup:
        _refuse_mixup(spec)
        losses = {name: MixedLoss(loss, len(spec.targets[name].classes)) for name, loss in losses.items()}
    use_kernels_of_jax(model)
    use_kernels_of_torch(model)
    use_kernels_of_tensorflow(model)
    trainee = build_trainee(model, spec, config.augmentation, config.crops, config.trainer)
    # Several targets each have a running mean of their loss, which is no part of a list of calls.
    steady = len(spec.targets) == 1 and not config.trainer.freeze_epochs and can_lie_flat(trainee)
    if not steady:
        lay_flat(model)
    paths = [variable.path for variable in trainee.trainable_variables]
    by_layer = config.trainer.layer_decay is not None or config.trainer.freeze_epochs > 0
    rates = rates_in(0, paths, config.trainer) if by_layer else None
    trainee.compile(
        optimizer=build_optimizer(config.trainer, stream.steps_per_epoch, rates),
        loss=losses,
        loss_weights=loss_weights(config),
        steps_per_execution=config.trainer.steps_per_execution,
    )
    use_plain_steps(trainee)
    # Some backends would build these in the first step, too late for a checkpoint to fill them.
    trainee.optimizer.build(trainee.trainable_variables)
    step_at_once(trainee, steady)
    _build_loss_means(trainee, spec, stream)
    return trainee


def _build_loss_means(trainee: keras.Model, spec: ExampleSpec, stream: BatchStream) -> None:
    """Keras has a running mean of the loss of each target, where there are several, from the first loss on."""
    if len(spec.targets) < 2:
        return
    picture = stream.inputs[spec.picture].shape[1:] if spec.picture else ()
    true = {name: np.asarray(values[stream.rows[:1]]) for name, values in stream.targets.items()}
    blank = {name: np.zeros((1, *target.answer_shape(picture)), np.float32) for name, target in spec.targets.items()}
    trainee.compute_loss(y=true, y_pred={name: keras.ops.convert_to_tensor(values) for name, values in blank.items()})
    trainee.reset_metrics()


def _refuse_mixup(spec: ExampleSpec) -> None:
    if any(target.task not in CLASS_TASKS for target in spec.targets.values()):
        raise ConfigError("augmentation.mixup mixes classes, and these examples have none; write 0.")


def _run(
    trainee: keras.Model, stream: WatchedStream, scored: Validate, config: RunConfig, progress: Progress,
    interruption: Interruption, also: Sequence[keras.callbacks.Callback],
) -> None:  # fmt: skip
    """Fit from where `progress` stands, to the end of the last epoch."""
    trainer, position, best = config.trainer, progress.position, progress.best
    swap = [SwapAverage()] if trainer.ema_decay is not None else []
    bar = [ShowBar(trainer.epochs, position)] if sys.stderr.isatty() else []
    with plain_errors(config), stream.watch, interruption.waits(), Writer() as writer, _closing(bar):
        callbacks = [
            position, *progress.restore, *unfreezing(trainer), StopWhenNotFinite(position), progress.record, *swap,
            scored, *swap, ChooseBest(best), *progress.stops.values(), ShowEpochs(trainer.epochs, trainer.monitor),
            TellFirstStep(), WriteHistory(progress.record), *bar, *also,
            SaveProgress(writer, progress, scored, trainer, interruption),
        ]  # fmt: skip
        trainee.fit(
            open_stream(stream, _with_engine(config.loader), progress.next_batch),
            steps_per_epoch=position.steps_per_epoch, initial_epoch=position.start.epoch, epochs=trainer.epochs,
            callbacks=callbacks, shuffle=False, verbose=0,
        )  # fmt: skip


def _with_engine(loader: Loader) -> Loader:
    if loader.engine != "auto":
        return loader
    # Keras hands grain's batches to TensorFlow through a python generator, which cost 5 to 12 % of a step.
    return loader.model_copy(update={"engine": "tfdata" if keras.backend.backend() == "tensorflow" else "grain"})


def _without_choice(config: RunConfig) -> RunConfig:
    log.info("no validation examples: every epoch is trained and the last one is kept")
    trainer = config.trainer.model_copy(update={"monitor": "loss", "keep": "last", "early_stopping": None})
    return config.model_copy(update={"trainer": trainer})


@contextmanager
def _closing(bars: list[ShowBar]) -> Iterator[None]:
    try:
        yield
    finally:
        for bar in bars:
            bar.close()
