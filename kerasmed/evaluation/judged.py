"""What is judged: scores beside the truth, and whose they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import ContractError
from kerasmed.files import digest
from kerasmed.spec import TargetSpec

THRESHOLD = 0.5  # a label of a multi_label task is given where its score reaches this


@dataclass(frozen=True)
class Grouping:
    """Examples divided by something that is known of them.

    Attributes:
        names: Of the groups, in the order in which they are told.
        member: int64 (n,), group of each example.
    """

    names: tuple[str, ...]
    member: Array


@dataclass(frozen=True)
class Judged:
    """Scores of a model for examples whose truth is known.

    Attributes:
        target: What was asked.
        scores: float32 (n, num_classes), probabilities; of single_label they sum to 1 in each row.
        targets: int (n,), class index, of single_label; 0 or 1 (n, num_classes) of multi_label.
        groups: str (n,), the record that each example was cut from.
        patients: str (n,), whose record that is; "" where nobody knows.
        ids: str (n,), one for each example.
        logits: float (n, num_classes), what the scores were made of; None where nobody needs them.
        thresholds: Score of each class from which on it is called; None where none was chosen.
        first: int (n,), the class named first of several, where a protocol tells it apart.
        subgroups: What else is known of the examples ("sex", "age"), for a look at each group alone.
    """

    target: TargetSpec
    scores: Array
    targets: Array
    groups: Array
    patients: Array
    ids: Array
    logits: Array | None = None
    thresholds: tuple[float, ...] | None = None
    first: Array | None = None
    subgroups: Mapping[str, Grouping] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def predicted(self) -> Array:
        """The answer in the shape of `targets`: the highest score, or every label that reaches its threshold."""
        return answers(self.scores, self.target, self.thresholds)

    @property
    def truth(self) -> Array:
        """Bool (n, num_classes), for both tasks."""
        return one_hot(self.targets, self.target)

    @property
    def clusters(self) -> Array:
        """int64 (n,), a number for each patient: examples of one patient are drawn together in a resample.

        A record whose patient nobody knows counts as a patient of its own.
        """
        owners = np.where(self.patients == "", np.char.add("record ", self.groups), np.char.add("of ", self.patients))
        return np.unique(owners, return_inverse=True)[1]

    def check(self) -> None:
        """Refuse scores from which nothing can be judged.

        Raises:
            ContractError: No example, or a score that is not finite.
        """
        if not len(self):
            raise ContractError("nothing to judge: this split has no example")
        assert self.scores.shape == (len(self), len(self.target.classes))
        broken = ~np.isfinite(self.scores).all(axis=1)
        if broken.any():
            first = self.ids[int(np.argmax(broken))]
            raise ContractError(
                f"{int(broken.sum())} of {len(self)} examples got a score that is not finite, {first} first"
            )

    def fingerprint(self) -> str:
        """Hex digest of ids and truth: equal where two models were asked the same questions, in whatever order."""
        rows = np.char.mod("%d", np.atleast_2d(self.targets.T).T.astype(np.int64))
        return digest(sorted([str(name), *row] for name, row in zip(self.ids, rows.tolist(), strict=True)))


def answers(scores: Array, target: TargetSpec, thresholds: tuple[float, ...] | None = None) -> Array:
    """int64 (n,) of single_label or bool (n, num_classes) of multi_label from `scores` (n, num_classes).

    With `thresholds`, the answer of single_label is the class whose score is the highest multiple of its threshold.
    """
    if target.task == "multi_label":
        return np.asarray(scores >= np.asarray(THRESHOLD if thresholds is None else thresholds))
    return (scores if thresholds is None else scores / np.asarray(thresholds)).argmax(axis=1)


def one_hot(targets: Array, target: TargetSpec) -> Array:
    """Bool (n, num_classes) from the targets of either task."""
    if target.task == "multi_label":
        return targets.astype(bool)
    return np.asarray(targets[:, None] == np.arange(len(target.classes)))


def constant_answer(judged: Judged) -> dict[str, Any]:
    """`answer` and `accuracy` of answering always the same: the most frequent class, or set of labels, of the truth.

    What is judged itself says which that is, so that no constant answer is better.
    """
    sets, counts = np.unique(judged.truth, axis=0, return_counts=True)
    most = int(counts.argmax())
    return {"answer": _names(judged.target, sets[most]), "accuracy": float(counts[most] / len(judged))}


def worst_rows(judged: Judged, count: int = 12) -> Array:
    """int64 (at most count,), rows answered wrongly with the least chance given to the truth, worst first.

    Of multi_label the chance is the product over the labels.
    """
    log_chance, wrong = _log_chance(judged), np.flatnonzero(~_is_right(judged))
    return wrong[np.lexsort((judged.ids[wrong], log_chance[wrong]))][:count]


def best_rows(judged: Judged, count: int = 12) -> Array:
    """int64 (at most count,), rows answered rightly with the most chance given to the truth, best first.

    Each answer in turn gives its best one, so that a frequent class does not fill the list.
    """
    log_chance, right = _log_chance(judged), np.flatnonzero(_is_right(judged))
    ordered = right[np.lexsort((judged.ids[right], -log_chance[right]))]
    _, answer = np.unique(judged.truth[ordered], axis=0, return_inverse=True)
    answer = answer.ravel()
    turn = np.zeros(len(ordered), np.int64)
    for each in np.unique(answer):
        turn[answer == each] = np.arange((answer == each).sum())
    return ordered[np.argsort(turn, kind="stable")][:count]


def _is_right(judged: Judged) -> Array:
    return np.asarray((one_hot(judged.predicted, judged.target) == judged.truth).all(axis=1))


def _log_chance(judged: Judged) -> Array:
    given = np.where(judged.truth, judged.scores, 1.0 if judged.target.task == "single_label" else 1.0 - judged.scores)
    return np.asarray(np.log(np.maximum(given, np.finfo(np.float32).tiny)).sum(axis=1))


def describe_rows(judged: Judged, rows: Iterable[int]) -> list[dict[str, Any]]:
    """What a report says of single examples: id, record, patient, truth, answer and the score of each class."""
    predicted, truth = one_hot(judged.predicted, judged.target), judged.truth
    return [
        {
            "id": str(judged.ids[row]),
            "record": str(judged.groups[row]),
            "patient": str(judged.patients[row]),
            "label": _names(judged.target, truth[row]),
            "predicted": _names(judged.target, predicted[row]),
            "scores": {
                name: float(score) for name, score in zip(judged.target.classes, judged.scores[row], strict=True)
            },
        }
        for row in rows
    ]


def _names(target: TargetSpec, chosen: Array) -> str:
    return " + ".join(name for name, given in zip(target.classes, chosen, strict=True) if given) or "none"
