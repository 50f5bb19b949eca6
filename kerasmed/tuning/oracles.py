"""KerasTuner's oracles, made to go on exactly where they were.

KerasTuner 1.4.8 keeps an oracle in files that it writes in place, and not all of it: a grid forgets which combinations
are still to come, a Bayesian oracle begins its random numbers anew, and a trial that fails takes a place in its rung of
Hyperband that nobody can fill. Here an oracle is made anew and lives through the events of the study once more.

Only a process that has chosen its backend may import this: KerasTuner imports keras.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from kerasmed.config.space import Parameter, Space
from kerasmed.errors import ConfigError
from kerasmed.tuning.records import COMPLETE, FAILED, Records, TrialRecord

# What an oracle changes while it looks for values and finds none: polling must leave no trace.
LOOKING = ("_seed_state", "_brackets", "_current_bracket", "_current_iteration", "_populate_next")
NEVER = 10**9


class Recorded:
    """Before an oracle of KerasTuner: writes every event down, and can live through them again."""

    records: Records | None = None
    given: Mapping[str, Any] | None = None  # what the trial that begins has drawn before

    def create_trial(self, tuner_id: str) -> Any:
        """The next trial of a worker; one that was interrupted comes first."""
        before = {name: copy.deepcopy(getattr(self, name)) for name in LOOKING if hasattr(self, name)}
        trial = super().create_trial(tuner_id)  # type: ignore[misc]
        if trial.status != "RUNNING":
            vars(self).update(before)
        elif self.records is not None:
            self.records.begin(trial.trial_id, trial.hyperparameters.values, tuner_id)
        return trial

    def end_trial(self, trial: Any) -> None:
        """A trial of some worker has ended."""
        failed = trial.status == "FAILED"
        if failed and isinstance(self, oracles.HyperbandOracle):
            # Its rung must become full; the score puts it last.
            trial.status = "COMPLETED"
            self.trials[trial.trial_id].metrics = _without_score(self.objective)
        super().end_trial(trial)  # type: ignore[misc]
        ended = self.trials[trial.trial_id]  # type: ignore[attr-defined]
        if self.records is not None:
            score = None if failed else float(ended.score)
            epoch = None if failed else int(ended.best_step)
            reason = (trial.message or "failed") if failed else None
            self.records.end(trial.trial_id, FAILED if failed else COMPLETE, score, epoch, reason)

    def save(self) -> None:
        """Nothing: the records are all there is to keep."""

    def _save_trial(self, trial: Any) -> None:
        """Nothing."""

    def live_again(self, records: Records, keep_workers: bool) -> None:
        """Bring about what `records` tell of; from then on write there.

        Args:
            records: Of the study.
            keep_workers: Trials under way stay with their workers, who may be alive; else they are given out first.

        Raises:
            ConfigError: The oracle would have asked for other trials.
        """
        for kind, record in records.events():
            if kind == "begin":
                self._begin_again(record)
            else:
                self._end_again(record)
        under_way = [record for record in records.trials.values() if record.ended is None]
        ongoing = {record.worker: self.trials[record.trial] for record in under_way}  # type: ignore[attr-defined]
        self.ongoing_trials = ongoing if keep_workers else {}
        self._retry_queue = [] if keep_workers else [record.trial for record in reversed(under_way)]
        self.tuner_ids = set(self.ongoing_trials)
        self.records, self.given = records, None

    def _begin_again(self, record: TrialRecord) -> None:
        self.given = record.drawn
        trial = self.create_trial(f"again {record.trial}")
        if (trial.trial_id, trial.hyperparameters.values) != (record.trial, record.drawn):
            raise ConfigError(
                f"trial {record.trial} of this study is not the one that its space gives now, with these versions of "
                "keras-tuner, scikit-learn and numpy; begin a new study with --study NAME."
            )

    def _end_again(self, record: TrialRecord) -> None:
        if record.status == COMPLETE:
            tell(self, record.trial, record.score, record.epoch or 0, "")
        else:
            tell(self, record.trial, None, 0, record.reason or "")


def tell(oracle: Any, trial_id: str, score: float | None, epoch: int, reason: str) -> None:
    """Tell an oracle, or the client of one, how a trial ended; without a score it failed."""
    if score is not None:
        oracle.update_trial(trial_id, {oracle.objective.name: score}, step=epoch)
    trial = oracle.get_trial(trial_id)
    trial.status = "FAILED" if score is None else "COMPLETED"
    trial.message = reason or None
    oracle.end_trial(trial)


def _without_score(objective: Any) -> Any:
    from keras_tuner.src.engine.metrics_tracking import MetricsTracker

    metrics = MetricsTracker()
    metrics.register(objective.name, objective.direction)
    metrics.update(objective.name, math.inf if objective.direction == "min" else -math.inf, step=0)
    return metrics


class Grid(Recorded, oracles.GridSearchOracle):
    """Every combination."""


class Random(Recorded, oracles.RandomSearchOracle):
    """Drawn at random, none twice."""


class Hyperband(Recorded, oracles.HyperbandOracle):
    """Li et al., Hyperband (JMLR 18:185, 2018): many short trials, of which the better ones go on."""


class Bayesian(Recorded, oracles.BayesianOptimizationOracle):
    """A Gaussian process over the trials so far, asked for the best it hopes for."""

    def populate_space(self, trial_id: str) -> Any:
        """Values for a trial; its random numbers depend on its number alone."""
        dimensions = len(self.hyperparameters.space)
        done = sum(trial.status == "COMPLETED" for trial in self.trials.values())
        if self.given is not None and done >= (self.num_initial_points or max(3 * dimensions, 3)):
            return {"status": "RUNNING", "values": dict(self.given)}  # to model once more would take seconds
        self._random_state = np.random.RandomState([self.seed, len(self.trials)])
        return super().populate_space(trial_id)


def build_oracle(space: Space, objective: str, direction: str, epochs: int) -> Any:
    """The oracle of a space before any event.

    Args:
        space: What is searched, and how.
        objective: Metric of an epoch.
        direction: "min" or "max".
        epochs: Of the longest trial.
    """
    search = space.search
    shared = {
        "objective": keras_tuner.Objective(objective, direction),
        "hyperparameters": _hyperparameters(space.parameters),
        "allow_new_entries": False, "tune_new_entries": True,
        "seed": search.seed + 1,  # to KerasTuner 0 is no seed
        "max_retries_per_trial": 0, "max_consecutive_failed_trials": NEVER,
    }  # fmt: skip
    oracle: Any
    if search.method == "hyperband":
        oracle = Hyperband(max_epochs=epochs, factor=search.factor, hyperband_iterations=search.iterations, **shared)
    elif search.method == "bayesian":
        oracle = Bayesian(max_trials=search.most_trials, num_initial_points=search.initial, **shared)
    else:
        kinds = {"grid": Grid, "random": Random}
        oracle = kinds[search.method](max_trials=search.most_trials, **shared)
    oracle.verbose = 0
    return oracle


def _hyperparameters(parameters: tuple[Parameter, ...]) -> Any:
    """KerasTuner's form of the parameters: of a list the place of the value, since values may be of any type."""
    space = keras_tuner.HyperParameters()
    for parameter in parameters:
        if parameter.values:
            space.Choice(parameter.path, list(range(len(parameter.values))))
            continue
        kind = space.Int if parameter.whole else space.Float
        sampling = "log" if parameter.log else "linear"
        kind(parameter.path, parameter.low, parameter.high, step=parameter.step, sampling=sampling)
    return space
