"""One acquisition as stored, and what is written beside it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Annotations:
    """Marks on a signal, in file order.

    Attributes:
        samples: int64 (n,), position of each mark in samples of the signal.
        symbols: str (n,), MIT annotation symbol ("N", "V", "+", ...).
        notes: str (n,), text beside the mark ("(AFIB"), without its trailing NUL; "" where there is none.
    """

    samples: Array
    symbols: Array
    notes: Array


@dataclass(frozen=True)
class SignalRecord:
    """A signal in physical units.

    Attributes:
        record_id: Name of the record in its database.
        patient: Whoever it was taken from; equal for records of the same person.
        signal_mv: float32 (num_samples, num_leads), millivolts; NaN where the file marks a sample as missing.
        rate_hz: Sampling rate.
        leads: Names, one for each column of `signal_mv`.
        annotations: Marks, where there are any.
        notes: What was converted as it was read.
    """

    record_id: str
    patient: str
    signal_mv: Array
    rate_hz: float
    leads: tuple[str, ...]
    annotations: Annotations | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageRecord:
    """A picture of one channel in which 0 is black and more is denser, whatever its file calls black.

    Attributes:
        record_id: Name that may be told: of a file with patient data in it, never the file's own.
        pixels: uint8 or uint16 (height, width), over the whole range of `bits`.
        bits: 8 or 16, of `pixels`.
        mode: How the file holds it ("L", "RGB", "MONOCHROME1", ...).
        stored_bits: Significant bits of a value in the file.
        size: Width and height in the file.
        notes: What was converted; nothing that is in `notes` tells of the patient.
    """

    record_id: str
    pixels: Array
    bits: int
    mode: str
    stored_bits: int
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class VolumeRecord:
    """A volume of one channel.

    Attributes:
        record_id: Name that may be told.
        voxels: (depth, height, width) of any integer or float type; perhaps a map of its file.
        spacing_mm: Edges of a voxel (depth, height, width); None where the file does not say.
        left: Whether it is of the left side of the body; None where the file does not say.
        notes: What was converted, nothing of the patient.
    """

    record_id: str
    voxels: Array
    spacing_mm: tuple[float, float, float] | None = None
    left: bool | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, init=False)
class RecordRef:
    """A record before it is read: its id, its patient and the files that hold it.

    Attributes:
        record_id: Name of the record in its database.
        patient: Whoever it was taken from.
        paths: Of the files that hold it, as text: there may be a million records, and a `Path` takes as much as three
            texts.
        hidden: Whether the names of its files must not be told.
    """

    record_id: str
    patient: str
    paths: tuple[str, ...]
    hidden: bool

    def __init__(self, record_id: str, patient: str, paths: Iterable[str | Path], hidden: bool = False) -> None:
        for name, value in zip(self.__slots__, (record_id, patient, tuple(map(str, paths)), hidden), strict=True):
            object.__setattr__(self, name, value)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold it."""
        return tuple(map(Path, self.paths))


@dataclass(frozen=True)
class Examples:
    """Examples as arrays with a leading example axis.

    Attributes:
        arrays: One array for each input and each target of the spec, in the type the spec names.
        index: Columns of one value for each example: always "id", "record", "patient"; beats also have "sample".
        dropped: Reason to count, of what was in the record and is not among the examples.
        content: uint64 (n,), digests by which the leakage guard knows the same acquisition again, where the arrays
            themselves do not serve: equal whatever else is in the record and however the arrays are made.
        quality: float32 (num_leads, num_measures), what `quality.measures_by_lead` says of the record; None where it
            was not measured.
    """

    arrays: dict[str, Array]
    index: dict[str, Array]
    dropped: dict[str, int] = field(default_factory=dict)
    content: Array | None = None
    quality: Array | None = None
