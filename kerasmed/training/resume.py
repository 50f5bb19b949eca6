"""What a training remembers from step to step, and how it takes that up again from a checkpoint."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras

from kerasmed.config.run import Trainer
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.training.callbacks.plateau import LowerOnPlateau
from kerasmed.training.callbacks.position import Position, TrackPosition
from kerasmed.training.callbacks.record import RecordHistory
from kerasmed.training.callbacks.restore import Restore
from kerasmed.training.callbacks.stopping import StopEarly, StopInTime
from kerasmed.training.checkpoint import TRAINING, forget_after, load_arrays, newest_step
from kerasmed.training.monitor import Best
from kerasmed.training.optimizer import has_rate_variable

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
    """

    checkpoints: Path
    position: TrackPosition
    best: Best
    record: RecordHistory
    stops: Mapping[str, keras.callbacks.Callback]
    restore: list[keras.callbacks.Callback]

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

    def _parts(self) -> dict[str, Part]:
        remembering = {name: stop for name, stop in self.stops.items() if isinstance(stop, Part)}
        return {"best": self.best, "history": self.record, **remembering}


def open_progress(folder: Path, stream: BatchStream, trainer: Trainer) -> Progress:
    """The progress of the training in a run folder: at its newest whole checkpoint, or at the beginning.

    Raises:
        DataError: There are checkpoints, and all are damaged.
    """
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    found = newest_step(checkpoints)
    forget_after(checkpoints, found[1] if found else None)
    start = Position(**found[1]["position"]) if found else Position()
    best = Best(trainer.monitor)
    progress = Progress(
        checkpoints,
        TrackPosition(stream.steps_per_epoch, trainer.steps_per_execution, start),
        best,
        RecordHistory(folder, stream.steps_per_epoch * stream.batch_size),
        _stops(trainer, best),
        [_restore(found[0], found[1], trainer)] if found else [],
    )
    if found:
        log.info("going on after epoch %d, step %d (%s)", start.epoch, start.step, found[0].name)
        progress.take_up(found[1])
    return progress


def _restore(folder: Path, state: Mapping[str, Any], trainer: Trainer) -> Restore:
    # A schedule computes the rate from the step; without one it is a variable, in which an old setting would live on.
    changed = state["config"]["trainer"]["learning_rate"] != trainer.learning_rate
    rate = trainer.learning_rate if changed and has_rate_variable(trainer) else None
    return Restore(load_arrays(folder, TRAINING), rate, state["position"]["step"] > 0, folder.name)


def _stops(trainer: Trainer, best: Best) -> dict[str, keras.callbacks.Callback]:
    stops: dict[str, keras.callbacks.Callback] = {}
    if trainer.schedule == "plateau":
        stops["plateau"] = LowerOnPlateau(best, trainer.plateau_patience, trainer.plateau_factor)
    if trainer.early_stopping is not None:
        stops["early"] = StopEarly(best, trainer.early_stopping)
    if trainer.time_budget_min is not None:
        stops["time"] = StopInTime(trainer.time_budget_min)
    return stops
