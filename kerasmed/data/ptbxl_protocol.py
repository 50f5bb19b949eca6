"""The protocol of PTB-XL as data: folds, counts of its releases, and what others published.

Folds are those of the database (Wagner et al., Sci Data 7:154, 2020), which keep the records of a patient together. The
results are those of the benchmark's own table (Strodthoff et al., IEEE JBHI 25:1519, 2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kerasmed.data.dataset import Protocol, Published

TRAIN, VALIDATION, TEST = tuple(range(1, 9)), (9,), (10,)
TASKS = ("all", "diagnostic", "subdiagnostic", "superdiagnostic", "form", "rhythm")
NUM_CLASSES = dict(zip(TASKS, (71, 44, 23, 5, 19, 12), strict=True))
README = "table in the README of github.com/helme/ecg_ptbxl_benchmarking"

# Macro AUC of fold 10 by task, in the order of TASKS, and half of the interval that is printed for superdiagnostic.
_RESULTS: Mapping[str, tuple[tuple[float, ...], float]] = {
    "resnet1d_wang": ((0.919, 0.936, 0.928, 0.930, 0.880, 0.946), 0.005),
    "xresnet1d101": ((0.925, 0.937, 0.929, 0.928, 0.896, 0.957), 0.005),
    "lstm": ((0.907, 0.927, 0.928, 0.927, 0.851, 0.953), 0.005),
    "fcn_wang": ((0.918, 0.926, 0.927, 0.925, 0.869, 0.931), 0.006),
    "inception1d": ((0.925, 0.931, 0.930, 0.921, 0.899, 0.953), 0.006),
    "lstm_bidir": ((0.914, 0.932, 0.923, 0.921, 0.876, 0.949), 0.006),
    "Wavelet+NN": ((0.849, 0.855, 0.859, 0.874, 0.757, 0.890), 0.007),
}


@dataclass(frozen=True)
class Release:
    """What was counted of a release; None where it was not.

    Attributes:
        name: Its version.
        positives: Records of each superclass, in the order of `ptbxl_labels.SUPERCLASSES`.
        fold_records: Records with a superclass in the folds that train, choose the epoch and judge.
    """

    name: str
    positives: tuple[int, ...]
    fold_records: tuple[int, int, int] | None = None


# By number of records.
RELEASES: Mapping[int, Release] = {
    21_799: Release("1.0.3", (9514, 5469, 5235, 4898, 2649), (17_084, 2146, 2158)),
    21_837: Release("1.0.1", (9528, 5486, 5250, 4907, 2655)),
}
WHOLE = max(count for count, release in RELEASES.items() if release.name == "1.0.3")


def protocol_of(task: str, badges: tuple[str, ...]) -> Protocol:
    """The rules by which a task is compared."""
    return Protocol(
        name=f"ptbxl_{task}",
        describe="Train on folds 1 to 8, choose the epoch on fold 9, judge on fold 10, whose labels people checked.",
        badges=badges,
        published=tuple(_published(work, task) for work in _RESULTS),
        ranked_by="macro_auc",
    )


def _published(work: str, task: str) -> Published:
    scores, deviation = _RESULTS[work]
    deviations = {"macro_auc": deviation} if task == "superdiagnostic" else {}
    note = "windows of 2.5 s at 100 Hz, highest score of those that overlap by half"
    metrics = {"macro_auc": scores[TASKS.index(task)]}
    return Published(work, metrics, README, note if work != "Wavelet+NN" else "", deviations)
