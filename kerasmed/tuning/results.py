"""What a study found: each trial with its settings, its score, its epochs and how its run was judged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.tuning.records import COMPLETE, TrialRecord, read_records
from kerasmed.tuning.study import Study
from kerasmed.tuning.trial_run import FIRST_STEP_S, rows_of, run_of
from kerasmed.workflows.run_folder import read_manifest


@dataclass(frozen=True)
class Result:
    """One trial.

    Attributes:
        record: What its oracle knows.
        settings: Path to setting.
        run: The folder of its run; None where it never began.
        rows: Its epochs, so far as it is this trial's.
        judged: Name to {value, low, high} of the run's report; empty where another trial has trained the run on.
        first_step_s: From being sent to its first step; None where nobody measured it.
    """

    record: TrialRecord
    settings: Mapping[str, Any]
    run: Path | None
    rows: Sequence[Mapping[str, Any]]
    judged: Mapping[str, Mapping[str, Any]]
    first_step_s: float | None

    @property
    def score(self) -> float | None:
        """Its objective; None where it has none."""
        return self.record.score if self.record.status == COMPLETE else None

    def to_json(self) -> dict[str, Any]:
        """A JSON tree."""
        return {
            "trial": self.record.trial, "status": self.record.status, "score": self.record.score,
            "epoch": self.record.epoch, "epochs": len(self.rows), "continues": self.record.continues,
            "settings": dict(self.settings), "run": None if self.run is None else self.run.name,
            "judged": dict(self.judged), "first_step_s": self.first_step_s, "reason": self.record.reason,
        }  # fmt: skip


def results_of(study: Study) -> list[Result]:
    """Every trial, in the order in which they began."""
    return [_result(study, record) for record in read_records(study.folder)]


def ranked(results: Sequence[Result], direction: str) -> list[Result]:
    """The trials that have a score, the best first; of equal ones the earlier."""
    scored = [result for result in results if result.score is not None]
    sign = 1.0 if direction == "min" else -1.0
    return sorted(scored, key=lambda result: sign * (result.score or 0.0))


def importance(results: Sequence[Result]) -> dict[str, float | None]:
    """Share of the differences between trials that each setting explains alone; None where that cannot be said.

    Epsilon squared of Kruskal and Wallis (Tomczak and Tomczak, Trends in Sport Sciences 1:19, 2014) over the ranks of
    the scores, less what chance would explain; numbers of a range are put into four groups of equal size. It says
    nothing of settings that only matter together.
    """
    scored = [result for result in results if result.score is not None]
    if not scored:
        return {}
    ranks = _ranks(np.array([result.score for result in scored]))
    return {path: _explained(ranks, _groups([r.settings[path] for r in scored])) for path in scored[0].settings}


def longest(results: Sequence[Result]) -> list[Result]:
    """The last trial of each run: those of earlier rungs were trained for less and would be counted twice."""
    continued = {result.record.continues for result in results}
    return [result for result in results if result.record.trial not in continued]


def _result(study: Study, record: TrialRecord) -> Result:
    settings = study.settings_of(record)
    run = run_of(study.runs, study.key_of(settings))
    every = rows_of(run) if run else []
    rows = every[: record.epochs or len(every)]
    report = run / "report.json" if run and len(rows) == len(every) else None
    judged = json.loads(report.read_text())["metrics"] if report and report.is_file() else {}
    first = read_manifest(run).get(FIRST_STEP_S) if run and record.continues is None else None
    return Result(record, settings, run, rows, judged, first)


def _ranks(scores: Any) -> Any:
    """float64 (n,): ranks from 1, equal scores share the mean of theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]


def _groups(settings: Sequence[Any]) -> Any:
    """int64 (n,): which group each setting is in."""
    texts = [json.dumps(setting, sort_keys=True) for setting in settings]
    unique, places = np.unique(texts, return_inverse=True)
    numeric = all(isinstance(setting, int | float) and not isinstance(setting, bool) for setting in settings)
    if not numeric or len(unique) <= max(4, len(settings) // 3):
        return places
    edges = np.quantile(settings, [0.25, 0.5, 0.75])
    return np.searchsorted(edges, settings, side="right")


def _explained(ranks: Any, groups: Any) -> float | None:
    count, kinds = len(ranks), len(np.unique(groups))
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if kinds < 2 or count - kinds < 1 or total == 0:
        return None
    between = sum((groups == g).sum() * (ranks[groups == g].mean() - ranks.mean()) ** 2 for g in np.unique(groups))
    statistic = (count - 1) * float(between) / total
    return min(1.0, max(0.0, (statistic - kinds + 1) / (count - kinds)))
