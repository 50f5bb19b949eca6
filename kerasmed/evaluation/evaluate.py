"""From scores to a report."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.calibration import reliability
from kerasmed.evaluation.classification import tally
from kerasmed.evaluation.cpsc2018 import measure_cpsc2018
from kerasmed.evaluation.fixed_rates import measure_fixed_rates
from kerasmed.evaluation.judged import Judged, constant_answer, describe_rows, worst_rows
from kerasmed.evaluation.leaderboard import make_leaderboard
from kerasmed.evaluation.remarks import remarks
from kerasmed.evaluation.report import Estimate, Report
from kerasmed.evaluation.resampled import Measured, measure_all
from kerasmed.evaluation.subgroups import measure_subgroups

NUM_WORST = 12
# Below this many examples in the mean record, a table by record says nothing.
EXAMPLES_PER_RECORD = 5


def evaluate(
    judged: Judged,
    protocol: Protocol,
    settings: Evaluation,
    seed: int,
    notes: tuple[str, ...] = (),
    split: Mapping[str, Any] | None = None,
    calibrated: Mapping[str, Any] | None = None,
) -> Report:
    """Judge `judged` by the rules of `protocol`.

    Args:
        judged: Scores beside the truth.
        protocol: The rules.
        settings: Number of resamples and the confidence of the intervals.
        seed: Of the resamples: the same seed gives the same intervals.
        notes: What the data set wants said; comes before what the numbers themselves want said.
        split: How examples were divided.
        calibrated: What `measure_calibrated` says, where `judged` is calibrated.

    Raises:
        ContractError: No example, or a score that is not finite.
    """
    measured = measure_all(judged, protocol.macro_classes, settings, seed)
    metrics = measured.metrics() | _metrics_of_challenge(judged, protocol, settings, seed)
    return Report(
        target=judged.target,
        protocol=protocol,
        metrics=metrics,
        per_class=measured.metrics_of_classes(),
        support=dict(zip(judged.target.classes, judged.truth.sum(axis=0).tolist(), strict=True)),
        confusion=measured.total.cells.astype(np.int64).tolist(),
        calibration=reliability(measured.total.bins),
        records=_by_record(judged),
        worst=describe_rows(judged, worst_rows(judged, NUM_WORST).tolist()),
        judged=_who(judged),
        intervals=_intervals(measured, settings, seed),
        notes=(*notes, *remarks(judged, protocol, settings, measured)),
        split=split,
        calibrated=calibrated,
        leaderboard=make_leaderboard(protocol, metrics, settings.confidence),
        subgroups=measure_subgroups(judged, protocol.macro_classes, settings, seed),
        baseline=constant_answer(judged),
        fixed_rates=measure_fixed_rates(judged, settings, seed),
    )


def _metrics_of_challenge(judged: Judged, protocol: Protocol, settings: Evaluation, seed: int) -> dict[str, Estimate]:
    return measure_cpsc2018(judged, settings, seed) if protocol.challenge == "cpsc2018" else {}


def _who(judged: Judged) -> dict[str, Any]:
    return {
        "examples": len(judged),
        "records": len(np.unique(judged.groups)),
        "patients": len(np.unique(judged.clusters)),
        "digest": judged.fingerprint(),
    }


def _intervals(measured: Measured, settings: Evaluation, seed: int) -> dict[str, Any]:
    told = {"resamples": settings.bootstrap, "confidence": settings.confidence, "seed": seed}
    return told if measured.redraws is None else {**told, "redrawn": measured.redraws.drawn}


def _by_record(judged: Judged) -> list[dict[str, Any]]:
    names, first, groups = np.unique(judged.groups, return_index=True, return_inverse=True)
    if len(judged) < EXAMPLES_PER_RECORD * len(names):
        return []
    tallies = tally(judged.scores, judged.targets, judged.target, groups, len(names), judged.thresholds)
    single = judged.target.task == "single_label"
    cells = tallies.cells if single else tallies.cells[..., 1, :]
    support = cells.sum(axis=-1).astype(np.int64)
    hits = np.diagonal(cells, axis1=-2, axis2=-1) if single else cells[..., 1]
    return [
        {
            "record": str(name),
            "patient": str(judged.patients[first[place]]),
            "examples": int(tallies.examples[place]),
            "accuracy": float(tallies.hits[place] / tallies.examples[place]),
            "support": dict(zip(judged.target.classes, support[place].tolist(), strict=True)),
            "sensitivity": {
                label: float(hits[place, column] / support[place, column]) if support[place, column] else None
                for column, label in enumerate(judged.target.classes)
            },
        }
        for place, name in enumerate(names)
    ]
