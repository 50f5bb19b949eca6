"""Metrics of classification, all from sums over examples: of a split, or of a resample of its patients.

Conventions for what cannot be divided: sensitivity, F1, AUC and AP of a class that is absent from the truth, and the
positive predictive value of a class that is never predicted, are undefined (NaN here, null with a reason in a report).
A class that occurs but is never hit has F1 = 0. Macro averages run over the protocol's macro classes that occur in the
truth, and macro AUC over those of them that have an example outside them, too; a class that does not is left out and
named in the report. F-max is measured for several labels only: there the threshold of each label is free. In the j
index (Mar et al. 2011) the predictive value of a class that is never predicted counts as 0. The j index takes S and V
from the whole table of truth and answers, without the exceptions of EC57.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array
from kerasmed.evaluation.calibration import bin_sums, confidences, expected_calibration_error
from kerasmed.evaluation.ec57 import applies, measure_ectopic
from kerasmed.evaluation.judged import answers, one_hot
from kerasmed.evaluation.ranking import measure_ranks, rank_classes, with_exact_auc
from kerasmed.spec import TargetSpec


@dataclass(frozen=True)
class Tallies:
    """Sums over examples, float64; "..." is the group axis, or nothing once groups are added up.

    Attributes:
        cells: (..., num_classes, num_classes) of single_label or (..., num_classes, 2, 2) of multi_label, counts
            [truth, answer].
        bins: (..., NUM_BINS, 3), see `calibration.bin_sums`.
        squares: (...), squared distance of the scores from the truth: summed over the classes of single_label, mean
            over the labels of multi_label.
        hits: (...), examples whose whole answer is right.
        examples: (...).
    """

    cells: Array
    bins: Array
    squares: Array
    hits: Array
    examples: Array

    def added(self, weights: Array) -> "Tallies":
        """The sum over groups, each counted as often as `weights` (num_groups,) says."""
        fields = (self.cells, self.bins, self.squares, self.hits, self.examples)
        return Tallies(*(np.tensordot(weights, field, axes=1) for field in fields))


@dataclass(frozen=True)
class Measures:
    """Metrics by plain name; NaN where undefined.

    Attributes:
        overall: Name to value.
        per_class: Name to float64 (num_classes,).
    """

    overall: dict[str, float]
    per_class: dict[str, Array]


def tally(
    scores: Array, targets: Array, target: TargetSpec, groups: Array, num_groups: int,
    thresholds: tuple[float, ...] | None = None,
) -> Tallies:  # fmt: skip
    """Sums for each group.

    Args:
        scores: float32 (n, num_classes), probabilities.
        targets: int (n,) of single_label, 0 or 1 (n, num_classes) of multi_label.
        target: What was asked.
        groups: int64 (n,), group of each row.
        num_groups: How many there are.
        thresholds: Score of each class from which on it is called, where some were chosen.
    """
    predicted, truth = answers(scores, target, thresholds), one_hot(targets, target)
    hit = (one_hot(predicted, target) == truth).all(axis=1)
    squares = np.square(scores - truth, dtype=np.float64)
    error = squares.sum(axis=1) if target.task == "single_label" else squares.mean(axis=1)
    return Tallies(
        cells=_cells(targets.astype(np.int64), predicted.astype(np.int64), target, groups, num_groups),
        bins=bin_sums(*confidences(scores, truth, predicted, target), groups, num_groups),
        squares=np.bincount(groups, error, num_groups),
        hits=np.bincount(groups, hit, num_groups),
        examples=np.bincount(groups, minlength=num_groups).astype(np.float64),
    )


def measure(
    sums: Tallies, ranked: Mapping[str, Array], target: TargetSpec, macro_classes: tuple[str, ...], present: Array
) -> Measures:
    """Every metric.

    Args:
        sums: Over all groups.
        ranked: auc, ap and f_max, (num_classes,) each, of each class against the rest.
        target: What was asked.
        macro_classes: Classes of the macro averages; all where empty.
        present: bool (num_classes, 2), whether the whole split has an example inside and one outside each class. A
            resample that lacks one of them has no macro average, so that all resamples speak of the same classes.
    """
    single = target.task == "single_label"
    per_class = _one_against_rest(sums.cells) if single else _labels(sums.cells)
    ranking = ("auc", "ap") if single else ("auc", "ap", "f_max")
    per_class |= {name: ranked[name] for name in ranking}
    chosen = present[:, 0] & np.isin(target.classes, macro_classes or target.classes)
    overall = {"accuracy" if single else "exact_match": float(sums.hits / sums.examples)}
    if single:
        overall["balanced_accuracy"] = _macro(per_class["sensitivity"], chosen)
    overall |= {
        f"macro_{name}": _macro(per_class[name], chosen & present[:, 1] if name == "auc" else chosen)
        for name in ("f1", *ranking)
    }
    if len(target.classes) == (2 if single else 1):
        overall |= {name: float(per_class[name][-1]) for name in ("auc", "ap")}
    if single:
        overall |= _agreement(sums.cells, per_class, target.classes)
    overall["ece"] = expected_calibration_error(sums.bins)
    overall["brier"] = float(sums.squares / sums.examples)
    return Measures(overall, per_class)


def measure_epoch(
    scores: Array, targets: Array, target_spec: TargetSpec, macro_classes: tuple[str, ...]
) -> dict[str, float]:
    """The overall metrics of one epoch's validation, without intervals; NaN where undefined.

    Args:
        scores: float32 (n, num_classes), probabilities. Where one is not finite every metric is NaN, so that such an
            epoch is never the best.
        targets: int (n,) of single_label, 0 or 1 (n, num_classes) of multi_label.
        target_spec: What was asked.
        macro_classes: Classes of the macro averages; all where empty.

    Returns:
        The same names for every call with the same spec.
    """
    finite = bool(np.isfinite(scores).all())
    scores = scores if finite else np.zeros_like(scores)
    truth = one_hot(targets, target_spec)
    one = np.zeros(len(scores), np.int64)
    ranked = with_exact_auc(measure_ranks(rank_classes(scores, truth, one), np.ones(1)), scores, truth)
    sums = tally(scores, targets, target_spec, one, 1).added(np.ones(1))
    measures = measure(sums, ranked, target_spec, macro_classes, sides(truth))
    return {name: value if finite else np.nan for name, value in measures.overall.items()}


def sides(truth: Array) -> Array:
    """Bool (num_classes, 2): whether `truth` (n, num_classes) has an example inside and one outside each class."""
    return np.stack([truth.any(axis=0), (~truth).any(axis=0)], axis=1)


def kappa(confusion: Array) -> float:
    """Cohen's kappa of counts (num_classes, num_classes); NaN where agreement by chance is certain."""
    examples = confusion.sum()
    agreed = np.trace(confusion) / examples
    by_chance = confusion.sum(axis=1) @ confusion.sum(axis=0) / examples**2
    return float((agreed - by_chance) / (1.0 - by_chance)) if by_chance < 1.0 else np.nan


def _cells(targets: Array, predicted: Array, target: TargetSpec, groups: Array, num_groups: int) -> Array:
    classes = len(target.classes)
    if target.task == "single_label":
        flat = (groups * classes + targets) * classes + predicted
        shape: tuple[int, ...] = (num_groups, classes, classes)
    else:
        flat = (((groups[:, None] * classes + np.arange(classes)) * 2 + targets) * 2 + predicted).ravel()
        shape = (num_groups, classes, 2, 2)
    return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)


def _one_against_rest(confusion: Array) -> dict[str, Array]:
    return _rates(np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum())


def _labels(cells: Array) -> dict[str, Array]:
    return _rates(cells[:, 1, 1], cells[:, 1, :].sum(axis=1), cells[:, :, 1].sum(axis=1), cells[0].sum())


def _rates(hits: Array, actual: Array, called: Array, examples: float) -> dict[str, Array]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "sensitivity": hits / actual,
            "ppv": hits / called,
            "f1": np.where(actual > 0, 2.0 * hits / (actual + called), np.nan),
            "fpr": (called - hits) / (examples - actual),
        }


def _agreement(confusion: Array, per_class: dict[str, Array], classes: tuple[str, ...]) -> dict[str, float]:
    agreement = {"kappa": kappa(confusion)}
    if not applies(classes):
        return agreement
    # An undefined sensitivity makes j undefined; a class that is never called earns no predictive value.
    worth = per_class["sensitivity"] + np.nan_to_num(per_class["ppv"])
    j_index = float(worth[classes.index("S")] + worth[classes.index("V")])
    agreement |= {"j_index": j_index, "j_kappa": agreement["kappa"] / 2.0 + j_index / 8.0}
    return agreement | measure_ectopic(confusion, classes)


def _macro(values: Array, chosen: Array) -> float:
    return float(values[chosen].mean()) if chosen.any() else np.nan
