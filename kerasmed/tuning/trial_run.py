"""The run of a trial: found by the settings that it has, and what it says of itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.config.run import Trainer
from kerasmed.errors import TrainingError, unknown
from kerasmed.training.monitor import Best
from kerasmed.workflows.status import COMPLETE, state_of

KEY, FIRST_STEP_S = "trial_key", "first_step_s"


@dataclass(frozen=True)
class Score:
    """The objective of a trial, and the epoch (from 1) whose weights it keeps."""

    value: float
    epoch: int


def run_of(runs: Path, key: str) -> Path | None:
    """The run of the trials whose settings have this key; None where there is none."""
    found = [path.parent for path in sorted(runs.glob("*/config.yaml")) if _manifest(path.parent).get(KEY) == key]
    return max(found, key=lambda folder: len(rows_of(folder)), default=None)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The epochs of a run."""
    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return []


def is_done(folder: Path, epochs: int) -> bool:
    """Whether the run has been trained for so many epochs, and judged."""
    return state_of(folder).status == COMPLETE and len(rows_of(folder)) >= epochs


def score_of(rows: list[dict[str, Any]], trainer: Trainer, epochs: int, objective: str) -> Score:
    """The objective in the epoch that a run keeps if it ends after so many.

    Raises:
        UnknownNameError: No epoch reports the objective.
        TrainingError: There is no epoch, or the objective is not finite.
    """
    rows = rows[:epochs]
    if not rows:
        raise TrainingError("it ended before its first epoch did.")
    if objective not in rows[-1]:
        raise unknown("metric for search.objective", objective, rows[-1])
    best = Best(trainer.monitor)
    for epoch, row in enumerate(rows, start=1):
        best.update(row.get(trainer.monitor), epoch)
    epoch = best.epoch if trainer.keep == "best" and best.epoch else len(rows)
    value = rows[epoch - 1][objective]
    if value is None or value != value or value in (float("inf"), -float("inf")):
        raise TrainingError(f"its {objective} is not finite.")
    return Score(float(value), epoch)


def _manifest(folder: Path) -> dict[str, Any]:
    return state_of(folder).manifest
