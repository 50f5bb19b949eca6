"""Fewer labels: whole patients, every class among them, few part of many."""

from itertools import pairwise

import numpy as np
import pytest

from kerasmed.data.label_share import share_of_patients
from kerasmed.spec import TargetSpec

MULTI = {"label": TargetSpec("multi_label", ("NORM", "MI", "HYP"))}
NUM_PATIENTS = 400


def index_of(seed=0):
    """Two examples of each patient; one in four has MI, one in twenty HYP besides."""
    rng = np.random.default_rng(seed)
    has = np.stack([np.ones(NUM_PATIENTS), rng.random(NUM_PATIENTS) < 0.25, rng.random(NUM_PATIENTS) < 0.05], axis=1)
    patients = np.array([f"p{number:03d}" for number in range(NUM_PATIENTS)])
    return {"patient": np.repeat(patients, 2), "label": np.repeat(has.astype(np.int8), 2, axis=0)}


def drawn(rate, seed=0, rows=None):
    index = index_of()
    rows = np.arange(len(index["patient"])) if rows is None else rows
    return index, share_of_patients(index, rows, MULTI, rate, seed)


def test_a_share_of_the_patients_is_drawn_whole():
    index, rows = drawn(0.1)
    patients, counts = np.unique(index["patient"][rows], return_counts=True)
    assert len(patients) == pytest.approx(0.1 * NUM_PATIENTS, abs=2)
    assert set(counts) == {2}


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_every_class_keeps_its_share(rate):
    index, rows = drawn(rate)
    found, whole = index["label"][rows].mean(axis=0), index["label"].mean(axis=0)
    np.testing.assert_allclose(found, whole, atol=0.02)


def test_no_class_is_lost_however_few_are_drawn():
    index, rows = drawn(0.001)
    assert np.all(index["label"][rows].sum(axis=0) > 0)


def test_few_patients_are_among_many():
    parts = [set(drawn(rate, seed=3)[1].tolist()) for rate in (0.01, 0.1, 0.25, 0.5, 1.0)]
    assert all(less < more for less, more in pairwise(parts))
    assert len(parts[-1]) == 2 * NUM_PATIENTS


def test_another_seed_draws_others_and_the_same_seed_the_same():
    _, first = drawn(0.1)
    assert first.tolist() == drawn(0.1)[1].tolist()
    assert first.tolist() != drawn(0.1, seed=1)[1].tolist()


def test_only_given_rows_are_drawn():
    rows = np.arange(100, 300)
    assert set(drawn(0.5, rows=rows)[1]) < set(rows)


def test_single_labels_are_classes_too():
    index = {"patient": np.arange(100).astype(str), "label": (np.arange(100) % 10 == 0).astype(np.int8)}
    rows = share_of_patients(index, np.arange(100), {"label": TargetSpec("single_label", ("N", "V"))}, 0.2, 0)
    assert np.bincount(index["label"][rows]).tolist() == [18, 2]
