"""Whole records and what is known of each, kept by their ids."""

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
        targets: int8 (n,), position of the class, of single_label; 0 or 1 (n, num_classes) of multi_label.
        columns: Further columns of the index, (n,) each.
    """

    place: Mapping[str, int]
    targets: Array
    columns: Mapping[str, Array] = field(default_factory=dict)

    def digest(self) -> str:
        """Of everything, for the recipe: labels lie in no file of a record."""
        columns = {name: values.tolist() for name, values in self.columns.items()}
        return files.digest([list(self.place), self.targets.tolist(), columns])


def labels_of(records: tuple[RecordRef, ...], targets: Array, **columns: Array) -> Labels:
    """Labels whose rows are in the order of `records`."""
    return Labels({record.record_id: place for place, record in enumerate(records)}, targets, columns)


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
    return examples_of_record(asked, settings, labels.targets[row], known)
