"""Whole records and what is known of each, kept by their ids."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.config.dataset import RecordExamples
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.readers.wfdb_header import find_leads
from kerasmed.data.record_examples import examples_of_record
from kerasmed.data.records import Array, Examples, RecordRef, SignalRecord


@dataclass(frozen=True)
class Labels:
    """What is asked of each record.

    Attributes:
        place: Record id to its row.
        targets: int8 (n,), position of the class, of single_label; of multi_label uint8 (n, ceil(num_classes / 8)), a
            bit for each class as `numpy.packbits` puts them: a thousand diagnoses of a million records are 1 GB else.
        num_classes: Of multi_label; 0 of single_label.
        columns: Further columns of the index, (n,) each.
    """

    place: Mapping[str, int]
    targets: Array
    num_classes: int = 0
    columns: Mapping[str, Array] = field(default_factory=dict)

    def digest(self) -> str:
        """Of everything, for the recipe: labels lie in no file of a record."""
        whole = hashlib.sha256(files.digest([self.num_classes, list(self.columns)]).encode())
        for record in self.place:
            whole.update(record.encode() + b"\n")
        for values in (self.targets, *self.columns.values()):
            whole.update(values.dtype.str.encode() + np.ascontiguousarray(values).tobytes())
        return whole.hexdigest()

    def target_of(self, record_id: str) -> Array:
        """int8 (), position of its class, or (num_classes,), 0 or 1 of each."""
        row: Array = self.targets[self.place[record_id]]
        return np.unpackbits(row, count=self.num_classes).view(np.int8) if self.num_classes else row


def labels_of(records: tuple[RecordRef, ...], targets: Array, **columns: Array) -> Labels:
    """Labels whose rows are in the order of `records`.

    Args:
        records: What is labelled.
        targets: int8 (n,), position of the class, of single_label; 0 or 1 (n, num_classes) of multi_label.
        columns: Further columns of the index, (n,) each.
    """
    place = {record.record_id: row for row, record in enumerate(records)}
    if targets.ndim == 1:
        return Labels(place, targets, columns=columns)
    return Labels(place, np.packbits(targets, axis=1), targets.shape[1], columns)


def read_labelled(ref: RecordRef, settings: RecordExamples, labels: Labels) -> Examples:
    """The example of a WFDB record, whose header is its first file; raises `DataError`."""
    return label_record(read_record(ref.files[0], settings.leads), ref, settings, labels)


def label_record(record: SignalRecord, ref: RecordRef, settings: RecordExamples, labels: Labels) -> Examples:
    """The example of a record that was read, with the leads of `settings` in any order and company.

    Raises:
        DataError: A lead is missing, or the record is not what a model of such records reads.
    """
    columns = find_leads(record.leads, settings.leads, ref.record_id)
    signal_mv: Array = record.signal_mv if columns == list(range(len(record.leads))) else record.signal_mv[:, columns]
    asked = replace(
        record, record_id=ref.record_id, patient=ref.patient, leads=settings.leads,
        signal_mv=np.ascontiguousarray(signal_mv),
    )  # fmt: skip
    row = labels.place[ref.record_id]
    known: dict[str, Any] = {name: values[row] for name, values in labels.columns.items()}
    return examples_of_record(asked, settings, labels.target_of(ref.record_id), known)
