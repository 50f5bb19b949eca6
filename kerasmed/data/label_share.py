"""Fewer labels: a share of the training patients, as if nobody had annotated the others."""

from collections.abc import Mapping

import numpy as np

from kerasmed.data.dataset import Index
from kerasmed.data.records import Array
from kerasmed.spec import TargetSpec


def share_of_patients(index: Index, rows: Array, targets: Mapping[str, TargetSpec], rate: float, seed: int) -> Array:
    """The rows of a share of the patients in `rows`, whole patients, drawn so that every class keeps its share.

    Patients are drawn within the rarest class that they have, at least one of each, so that no class is lost. With the
    same seed a smaller share is part of a larger one: points of a curve differ by what is added, not by who is drawn.

    Args:
        index: Columns "patient" and one for each target.
        rows: int64, rows to choose from.
        targets: What is asked of an example.
        rate: Between 0 and 1.
        seed: Decides who is drawn.

    Returns:
        int64, ascending.
    """
    patients, patient_of_row = np.unique(index["patient"][rows], return_inverse=True)
    rarest = _rarest_class(_classes_of(index, rows, targets), patient_of_row, len(patients))
    order = np.random.default_rng(seed).permutation(len(patients))
    drawn = np.zeros(len(patients), dtype=bool)
    for stratum in np.unique(rarest):
        among = order[rarest[order] == stratum]
        drawn[among[: max(1, round(rate * len(among)))]] = True
    return np.sort(rows[drawn[patient_of_row]])


def _classes_of(index: Index, rows: Array, targets: Mapping[str, TargetSpec]) -> Array:
    """Whether each example has each class of each target, bool (n, classes)."""
    columns = []
    for name, target in targets.items():
        values = np.asarray(index[name])[rows]
        columns.append(values > 0 if values.ndim == 2 else values[:, None] == np.arange(len(target.classes)))
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(rows), 0), dtype=bool)


def _rarest_class(has: Array, patient_of_row: Array, num_patients: int) -> Array:
    """int64 (num_patients,): of the classes that a patient has, the one that fewest patients have; -1 for none."""
    of_patient = np.zeros((num_patients, has.shape[1]), dtype=bool)
    np.logical_or.at(of_patient, patient_of_row, has)
    if not has.shape[1]:
        return np.full(num_patients, -1)
    counts = np.where(of_patient, of_patient.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(of_patient.any(axis=1), counts.argmin(axis=1), -1)
