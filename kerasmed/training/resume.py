"""What a training remembers from step to step, and how it takes that up again from a checkpoint."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras

from kerasmed.config.run import RunConfig, Trainer
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.training.callbacks.plateau import LowerOnPlateau
from kerasmed.training.callbacks.position import Position, TrackPosition
from kerasmed.training.callbacks.record import RecordHistory
from kerasmed.training.callbacks.restore import Restore
from kerasmed.training.callbacks.stopping import StopAfter, StopEarly, StopInTime
from kerasmed.training.checkpoint import TRAINING, forget_after, load_arrays, newest_step
from kerasmed.training.monitor import Best
from kerasmed.training.optimizer import has_rate_variable

# Settings that end a training before its last epoch.
ENDINGS = ("early_stopping", "stop_after", "time_budget_min")
log = logging.getLogger(__name__)


@runtime_checkable
class Part(Protocol):
    """Something that remembers from epoch to epoch, and so belongs into a checkpoint."""

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""


@runtime_checkable
class Ending(Protocol):
    """Something that ends a training before its last epoch."""

    def is_over(self, epochs: int) -> bool:
        """Whether a training that has done so many epochs ends there."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        checkpoints: The folder of its checkpoints.
        position: Where it stands.
        best: Its best epoch.
        record: Its history.
        stops: The callbacks that lower the learning rate or end it early, in the order in which they are asked.
        restore: The callback that sets every variable; none where the training begins.
        settings: Of the run, as it was asked for.
    """

    checkpoints: Path
    position: TrackPosition
    best: Best
    record: RecordHistory
    stops: Mapping[str, keras.callbacks.Callback]
    restore: list[keras.callbacks.Callback]
    settings: RunConfig

    @property
    def next_batch(self) -> int:
        """The batch of the stream that comes next; every epoch takes a whole number of executions."""
        start, per = self.position.start, self.position.per_execution
        return start.epoch * per * -(-self.position.steps_per_epoch // per) + start.step

    def state(self) -> dict[str, Any]:
        """Everything but the variables, as JSON values."""
        place = self.position.position
        return {
            "position": {"epoch": place.epoch, "step": place.step},
            "global_step": self.position.global_step,
            "steps_per_epoch": self.position.steps_per_epoch,
            "config": self.settings.model_dump(mode="json"),
            "parts": {name: part.state() for name, part in self._parts().items()},
        }

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; a part that did not exist then begins anew."""
        for name, part in self._parts().items():
            if name in state["parts"]:
                part.restore(state["parts"][name])

    def is_over(self, epochs: int) -> bool:
        """Whether a training of at most `epochs` epochs has nothing left to do."""
        done = self.position.start.epoch
        if done >= epochs:
            return True
        endings = (stop for stop in self.stops.values() if isinstance(stop, Ending))
        return done > 0 and self.position.start.step == 0 and any(ending.is_over(done) for ending in endings)

    def why_over(self, trainer: Trainer) -> str:
        """Why nothing is left to do, in words."""
        done = self.position.start.epoch
        if done >= trainer.epochs:
            return f"{done} epochs are done"
        asked = [name for name in ENDINGS if getattr(trainer, name) is not None]
        return f"it ended after epoch {done} of {trainer.epochs} by {' and '.join(f'trainer.{name}' for name in asked)}"

    def _parts(self) -> dict[str, Part]:
        remembering = {name: stop for name, stop in self.stops.items() if isinstance(stop, Part)}
        return {"best": self.best, "history": self.record, **remembering}


def open_progress(folder: Path, stream: BatchStream, trainer: Trainer, asked: RunConfig) -> Progress:
    """The progress of the training in a run folder: at its newest whole checkpoint, or at the beginning.

    Args:
        folder: Of the run.
        stream: The training batches.
        trainer: How it trains.
        asked: The settings that checkpoints are to tell; `trainer` may choose no epoch where these would.

    Raises:
        DataError: There are checkpoints, and all are damaged.
    """
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    found = newest_step(checkpoints)
    forget_after(checkpoints, found[1] if found else None)
    position = _position(found[1] if found else None, stream.steps_per_epoch, trainer.steps_per_execution)
    best = Best(trainer.monitor)
    progress = Progress(
        checkpoints,
        position,
        best,
        RecordHistory(folder, stream.steps_per_epoch * stream.batch_size),
        _stops(trainer, best),
        [_restore(found[0], found[1], trainer, position)] if found else [],
        asked,
    )
    if found:
        log.info("going on after epoch %d, step %d (%s)", position.start.epoch, position.start.step, found[0].name)
        progress.take_up(found[1])
    return progress


def _position(state: Mapping[str, Any] | None, steps_per_epoch: int, per_execution: int) -> TrackPosition:
    if state is None:
        return TrackPosition(steps_per_epoch, per_execution, Position())
    epoch, step = state["position"]["epoch"], state["position"]["step"]
    if steps_per_epoch != state["steps_per_epoch"]:
        # Batches of another size, or other data: the epoch under way goes on at the same share of its steps.
        step = step * steps_per_epoch // state["steps_per_epoch"] // per_execution * per_execution
    return TrackPosition(steps_per_epoch, per_execution, Position(epoch, step), state["global_step"])


def _restore(folder: Path, state: Mapping[str, Any], trainer: Trainer, position: TrackPosition) -> Restore:
    # A schedule computes the rate from the step; without one it is a variable, in which an old setting would live on.
    changed = state["config"]["trainer"]["learning_rate"] != trainer.learning_rate
    rate = trainer.learning_rate if changed and has_rate_variable(trainer) else None
    stretch = position.steps_per_epoch / state["steps_per_epoch"]
    return Restore(load_arrays(folder, TRAINING), rate, stretch, position.start.step > 0, folder.name)


def _stops(trainer: Trainer, best: Best) -> dict[str, keras.callbacks.Callback]:
    stops: dict[str, keras.callbacks.Callback] = {}
    if trainer.schedule == "plateau":
        stops["plateau"] = LowerOnPlateau(best, trainer.plateau_patience, trainer.plateau_factor)
    if trainer.early_stopping is not None:
        stops["early"] = StopEarly(best, trainer.early_stopping)
    if trainer.stop_after is not None:
        stops["after"] = StopAfter(trainer.stop_after)
    if trainer.time_budget_min is not None:
        stops["time"] = StopInTime(trainer.time_budget_min)
    return stops
