"""Sample formats that only the wfdb package decodes, behind our own check of the header and the files.

The package takes some paths for addresses, waits for named pipes, and reserves the memory that a header asks for. So it
is given only what we have found to be local, regular files of the right size, and only its integers are used.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kerasmed.data.readers.wfdb_files import local_size
from kerasmed.data.readers.wfdb_formats import FORMATS, MAX_SIGNAL_BYTES, slots_of, stored_bytes
from kerasmed.data.readers.wfdb_header import Header, signal_groups
from kerasmed.data.records import Array
from kerasmed.errors import DataError, MissingPackageError

MAX_VALUES = 1 << 28  # 2 GiB as int64: a compressed file of a few bytes can hold any number
# What wfdb 4.3.1, numpy and soundfile raise on files that are not what their header says.
_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


def decode_with_package(path: Path, header: Header) -> list[Array]:
    """ADC values of each signal of the record at `path`, int64 (num_samples, samples in a frame).

    Raises:
        DataError: The files are not what the header says, or the package cannot read them.
        MissingPackageError: wfdb is not installed.
    """
    _check_files(path, header)
    folder = path.parent.resolve()
    if "::" in str(folder) or "://" in str(folder):
        raise DataError(path.name, "is in a folder that the wfdb package takes for an address.", "Rename the folder.")
    wfdb = _package()
    try:
        record = wfdb.rdrecord(str(folder / path.stem), physical=False, smooth_frames=False, ignore_skew=True)
        understood = _understood(record)
        signals = zip(record.e_d_signal, header.signals, strict=True)
        values = [np.asarray(stored, np.int64).reshape(-1, signal.frame_samples) for stored, signal in signals]
    except _FAULTS as error:
        raise DataError(path.name, f"cannot be read by the wfdb package ({type(error).__name__}).") from error
    if understood != [
        (signal.file_name, signal.format, signal.frame_samples, signal.byte_offset) for signal in header.signals
    ]:
        raise DataError(path.name, "has a header that the wfdb package reads differently.")
    return values


def _package() -> ModuleType:
    try:
        import wfdb
    except ImportError as error:
        raise MissingPackageError("wfdb", "ecg", "This WFDB sample format") from error
    return wfdb


def _check_files(path: Path, header: Header) -> None:
    num_frames = header.num_samples
    if num_frames is None:
        raise DataError(path.name, "does not say how many samples it has.", "Write their number after the rate.")
    if num_frames * slots_of(header.signals) > MAX_VALUES:
        raise DataError(path.name, f"has more than {MAX_VALUES} samples, the most in its sample format.")
    for name, group in signal_groups(header.signals):
        num_bytes = local_size(path.parent / name, MAX_SIGNAL_BYTES) - group[0].byte_offset
        if FORMATS[group[0].format].block_bytes:
            stored_bytes(name, num_bytes, group, num_frames)


def _understood(record: Any) -> list[tuple[str, int, int, int]]:
    fields = zip(record.file_name, record.fmt, record.samps_per_frame, record.byte_offset, strict=True)
    return [(name, int(form), frame or 1, offset or 0) for name, form, frame, offset in fields]
