"""Judged examples made by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from kerasmed.data.dataset import Protocol, Published
from kerasmed.evaluation.judged import Judged
from kerasmed.spec import TargetSpec

BEATS = TargetSpec("single_label", ("N", "S", "V", "F", "Q"))


@pytest.fixture
def confusion() -> np.ndarray:
    """Counts [truth, answer] of 120 beats, from which the tests' numbers are worked out by hand."""
    return np.array([[80, 5, 3, 1, 1], [2, 6, 2, 0, 0], [1, 1, 7, 1, 0], [1, 0, 4, 3, 0], [0, 1, 1, 0, 0]])


@pytest.fixture
def judged_from() -> Callable[..., Judged]:
    """Turns counts [truth, answer] into examples whose score is 0.8 for the answer and 0.05 for each other class."""

    def make(counts: np.ndarray, num_records: int = 6, target: TargetSpec = BEATS) -> Judged:
        targets, predicted = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
        scores = np.full((len(targets), len(target.classes)), 0.2 / (len(target.classes) - 1), np.float32)
        scores[np.arange(len(targets)), predicted] = 0.8
        records = np.char.mod("rec%d", np.arange(len(targets)) % num_records)
        ids = np.char.mod("beat%04d", np.arange(len(targets)))
        return Judged(target, scores, targets.astype(np.int8), records, records, ids)

    return make


@pytest.fixture
def simulated() -> Judged:
    """3,000 beats of 12 records, all five classes, scores with ties."""
    rng = np.random.default_rng(0)
    records = np.sort(rng.integers(12, size=3000))
    targets = rng.choice(5, size=3000, p=[0.8, 0.08, 0.08, 0.03, 0.01])
    logits = rng.normal(size=(3000, 5)) + 2.0 * (np.arange(5) == targets[:, None]) + rng.normal(size=(12, 5))[records]
    scores = np.exp(logits.round(1))
    names = np.char.mod("rec%02d", records)
    ids = np.char.mod("beat%04d", np.arange(3000))
    return Judged(BEATS, (scores / scores.sum(1, keepdims=True)).astype(np.float32), targets, names, names, ids)


@pytest.fixture
def multi_label() -> Judged:
    """400 records of 100 patients with any of three labels, scores with ties."""
    rng = np.random.default_rng(1)
    targets = (rng.random((400, 3)) < [0.5, 0.2, 0.1]).astype(np.int8)
    scores = np.clip(0.3 * targets + rng.random((400, 3)).round(2) * 0.7, 0, 1).astype(np.float32)
    records = np.char.mod("rec%03d", np.arange(400))
    patients = np.char.mod("pat%02d", np.arange(400) // 4)
    return Judged(TargetSpec("multi_label", ("MI", "STTC", "HYP")), scores, targets, records, patients, records)


@pytest.fixture
def protocol() -> Protocol:
    return Protocol(
        name="mitbih_ds1_ds2",
        describe="Fitted on DS1, judged on DS2.",
        badges=("records 201 and 202 are of one person",),
        macro_classes=("N", "S", "V", "F"),
        published=(Published("Mar 2011", {"accuracy": 0.899, "j_kappa": 0.649}, "IEEE TBME 58:2168", "features"),),
    )
