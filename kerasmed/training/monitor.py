"""Which of two values of a metric is better."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kerasmed.errors import unknown

# Every other metric of the program grows as a model gets better.
LOWER_IS_BETTER = frozenset({"loss", "val_loss", "val_ece", "val_brier"})
LOWER_ENDINGS = ("_loss", "_px", "_deg")  # losses of single targets, and distances


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of `metric` is a better one."""
    return metric in LOWER_IS_BETTER or metric.endswith(LOWER_ENDINGS)


@dataclass
class Best:
    """The best value of a metric so far, and its epoch (from 1; 0 before any)."""

    metric: str
    value: float = math.nan
    epoch: int = 0

    def update(self, value: float | None, epoch: int) -> bool:
        """Take `value` if it is better than what was; a value that is not finite never is."""
        if value is None or not math.isfinite(value) or not (self.epoch == 0 or self._is_better(value)):
            return False
        self.value, self.epoch = value, epoch
        return True

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"metric": self.metric, "value": self.value if self.epoch else None, "epoch": self.epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; values of another metric say nothing about this one."""
        if state["metric"] == self.metric and state["epoch"]:
            self.value, self.epoch = state["value"], state["epoch"]

    def _is_better(self, value: float) -> bool:
        return value < self.value if lower_is_better(self.metric) else value > self.value


def check_monitor(metric: str, known: Collection[str]) -> None:
    """Refuse a `trainer.monitor` that no epoch will report, before any epoch has run."""
    if metric not in known:
        raise unknown("metric for trainer.monitor", metric, known)
