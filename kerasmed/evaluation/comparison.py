"""Several models on the same test split: ranked, and tested in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.records import Array
from kerasmed.errors import ContractError, unknown
from kerasmed.evaluation.judged import Judged, one_hot
from kerasmed.evaluation.names import METRICS, SHARES_RIGHT
from kerasmed.evaluation.paired import Difference, compare_answers, compare_aucs, compare_resampled, holm
from kerasmed.evaluation.report import Estimate, Report
from kerasmed.evaluation.resampled import Measured, measure_all

# The metric that ranks where nobody names one: the first of these that the models have.
RANKING = ("auc", "macro_auc", "macro_f1", "accuracy", "exact_match")
DELONG, MCNEMAR, RESAMPLED = "DeLong, by patient", "exact McNemar", "paired bootstrap, by patient"


@dataclass(frozen=True)
class Contender:
    """A model and what it answered.

    Attributes:
        name: Of its run.
        report: Of the run.
        judged: Its answers to the examples that the report judges.
    """

    name: str
    report: Report
    judged: Judged


@dataclass(frozen=True)
class PairedTest:
    """One metric of two models held against each other.

    Attributes:
        better: Name of the model that ranks higher.
        worse: Name of the other.
        metric: Plain name.
        test: What the p comes from.
        difference: Better less worse.
        corrected: The p by Holm over all pairs of the same test; None where there is no p.
        detail: What else the test tells.
    """

    better: str
    worse: str
    metric: str
    test: str
    difference: Difference
    corrected: float | None = None
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        ours = {"better": self.better, "worse": self.worse, "metric": self.metric, "test": self.test}
        found = self.difference
        told = {"difference": found.value, "low": found.low, "high": found.high, "p": found.p}
        told = {name: None if value is not None and np.isnan(value) else value for name, value in told.items()}
        return {**ours, **told, "p_holm": self.corrected, "detail": self.detail}


@dataclass(frozen=True)
class Comparison:
    """Several models side by side.

    Attributes:
        ranked_by: The metric that orders them.
        contenders: Best first, their rows in one order.
        metrics: For each of them plain name to estimate, from the same resamples of patients.
        tests: Of all pairs.
        notes: What a reader must know.
        settings: Of the resamples.
    """

    ranked_by: str
    contenders: tuple[Contender, ...]
    metrics: tuple[Mapping[str, Estimate], ...]
    tests: tuple[PairedTest, ...]
    notes: tuple[str, ...]
    settings: Evaluation

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, best first."""
        return tuple(contender.name for contender in self.contenders)

    def to_json(self) -> dict[str, Any]:
        """The tree of comparison.json."""
        first = self.contenders[0].report
        return {
            "ranked_by": self.ranked_by,
            "ranking": list(self.names),
            "metrics": {
                name: {metric: estimate.to_json() for metric, estimate in row.items()}
                for name, row in zip(self.names, self.metrics, strict=True)
            },
            "fixed_rates": {each.name: each.report.fixed_rates for each in self.contenders},
            "baseline": dict(first.baseline),
            "tests": [test.to_json() for test in self.tests],
            "judged": {**first.judged, "split": first.protocol.judged_on, "protocol": first.protocol.name},
            "intervals": {"resamples": self.settings.bootstrap, "confidence": self.settings.confidence},
            "notes": list(self.notes),
        }


def compare(
    contenders: Sequence[Contender], settings: Evaluation, seed: int, ranked_by: str | None = None
) -> Comparison:
    """Rank models that judged the same examples, and test each pair of them.

    Args:
        contenders: Two or more.
        settings: Number of resamples of patients, the same for every model, and confidence of the intervals.
        seed: Of the resamples.
        ranked_by: Metric that orders them; the first of `RANKING` that they have where it is None.

    Raises:
        ContractError: They were not judged on the same examples of the same split with the same labels.
        UnknownNameError: They have no metric of the name.
    """
    models = _aligned(contenders)
    measured = [measure_all(each.judged, each.report.protocol.macro_classes, settings, seed) for each in models]
    metrics = [each.metrics() for each in measured]
    known = [name for name in metrics[0] if any(each[name].value is not None for each in metrics)]
    if ranked_by is not None and ranked_by not in known:
        raise unknown("metric of these runs", ranked_by, known)
    metric = ranked_by or next(name for name in RANKING if name in known)
    order = sorted(range(len(models)), key=lambda place: _rank_key(metrics[place][metric].value, metric))
    models, measured = [models[place] for place in order], [measured[place] for place in order]
    return Comparison(
        ranked_by=metric,
        contenders=tuple(models),
        metrics=tuple(metrics[place] for place in order),
        tests=_corrected(_tests(models, measured, metric, settings)),
        notes=_notes(models[0].judged),
        settings=settings,
    )


def _rank_key(value: float | None, metric: str) -> float:
    if value is None:
        return np.inf
    return -value if METRICS[metric].better == "higher" else value


def _aligned(contenders: Sequence[Contender]) -> list[Contender]:
    """Their rows in one order, that of the ids.

    Raises:
        ContractError: They cannot be compared.
    """
    sorted_rows = [replace(each, judged=_sorted(each.judged)) for each in contenders]
    first, *others = sorted_rows
    for other in others:
        _refuse_unlike(first, other)
    return sorted_rows


def _sorted(judged: Judged) -> Judged:
    order = np.argsort(judged.ids)
    columns = ("scores", "targets", "groups", "patients", "ids")
    return replace(judged, **{name: getattr(judged, name)[order] for name in columns})


def _refuse_unlike(first: Contender, other: Contender) -> None:
    facts: dict[str, list[Any]] = {
        "other classes": [each.report.target.classes for each in (first, other)],
        "another kind of task": [each.report.target.task for each in (first, other)],
        "another split": [each.report.protocol.judged_on for each in (first, other)],
        "other rules": [each.report.protocol.name for each in (first, other)],
        "other classes in the macro averages": [each.report.protocol.macro_classes for each in (first, other)],
    }
    for what, (ours, theirs) in facts.items():
        if ours != theirs:
            raise _unlike(first, other, f"{what}: {_told(theirs)}, not {_told(ours)}")
    ids, other_ids = first.judged.ids, other.judged.ids
    lacking, added = np.setdiff1d(ids, other_ids), np.setdiff1d(other_ids, ids)
    if len(lacking) or len(added) or len(ids) != len(other_ids):
        named = next(iter([*lacking, *added]), "one of them twice")
        raise _unlike(
            first, other, f"other examples: {len(lacking):,} are missing and {len(added):,} are new, {named} first"
        )
    differing = np.flatnonzero((first.judged.truth != other.judged.truth).any(axis=1))
    if len(differing):
        place = int(differing[0])
        labels = [_label(each.judged, place) for each in (other, first)]
        raise _unlike(
            first, other, f"other labels: {len(differing):,} differ, {ids[place]} first: {labels[0]}, not {labels[1]}"
        )


def _unlike(first: Contender, other: Contender, why: str) -> ContractError:
    return ContractError(
        f"{other.name} cannot be compared with {first.name}: it was judged on {why}. "
        "Compare runs of one data set, split and seed."
    )


def _told(value: Any) -> str:
    return value if isinstance(value, str) else "/".join(value) or "all"


def _label(judged: Judged, place: int) -> str:
    return "+".join(np.array(judged.target.classes)[judged.truth[place]]) or "none"


def _tests(
    models: Sequence[Contender], measured: Sequence[Measured], ranked_by: str, settings: Evaluation
) -> list[PairedTest]:
    """Of every pair: AUC by DeLong, right answers by McNemar, and the metric that ranks from resamples."""
    tests = []
    share = next(name for name in SHARES_RIGHT if name in measured[0].whole.overall)
    of_patients = [name for name in (ranked_by, share) if name != "auc"]
    for better, worse in combinations(range(len(models)), 2):
        names, pair = (models[better].name, models[worse].name), (models[worse].judged, models[better].judged)
        if "auc" in measured[0].whole.overall:
            tests.append(PairedTest(*names, "auc", DELONG, _by_delong(*pair, settings.confidence)))
        for metric in dict.fromkeys(of_patients):
            values = [
                [each.overall[metric] for each in (one.whole, *one.resampled)]
                for one in (measured[worse], measured[better])
            ]
            found = compare_resampled(values[0], values[1], settings.confidence)
            tests.append(PairedTest(*names, metric, RESAMPLED, found))
        tests.append(_by_mcnemar(names, share, *pair))
    return tests


def _by_delong(worse: Judged, better: Judged, confidence: float) -> Difference:
    return compare_aucs(worse.scores[:, -1], better.scores[:, -1], worse.truth[:, -1], worse.clusters, confidence)


def _by_mcnemar(names: tuple[str, str], share: str, worse: Judged, better: Judged) -> PairedTest:
    right = [_right(each) for each in (worse, better)]
    p, only_worse, only_better = compare_answers(*right)
    found = Difference(float(right[1].mean() - right[0].mean()), None, None, p)
    detail = f"{only_better:,} right in the better alone, {only_worse:,} in the other alone"
    return PairedTest(*names, share, MCNEMAR, found, detail=detail)


def _right(judged: Judged) -> Array:
    return np.asarray((one_hot(judged.predicted, judged.target) == judged.truth).all(axis=1))


def _corrected(tests: Sequence[PairedTest]) -> tuple[PairedTest, ...]:
    """With the p of each corrected over the pairs of the same metric and test."""
    families = {(test.metric, test.test) for test in tests}
    found: dict[int, float | None] = {}
    for family in families:
        places = [place for place, test in enumerate(tests) if (test.metric, test.test) == family]
        found |= dict(zip(places, holm([tests[place].difference.p for place in places]), strict=True))
    return tuple(replace(test, corrected=found[place]) for place, test in enumerate(tests))


def _notes(judged: Judged) -> tuple[str, ...]:
    patients = len(np.unique(judged.clusters))
    if patients == len(judged):
        return ()
    return (
        f"McNemar's test counts the {len(judged):,} examples as independent, but they are of {patients:,} patients: "
        "its p tends to be too small. The bootstrap draws whole patients.",
    )
