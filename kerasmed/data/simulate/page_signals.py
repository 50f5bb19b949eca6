"""What is printed on simulated pages: twelve leads of WFDB records."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmed.config.pages import EcgPages
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.records import Array
from kerasmed.data.resampling import resample_window
from kerasmed.data.simulate.page_layout import LEADS
from kerasmed.errors import DataError

LEAST_S = 9.9  # of a record that is printed


@dataclass(frozen=True)
class PrintedRecord:
    """A record to print: its name, its patient and its header file."""

    name: str
    patient: str
    header: str


def list_printable(settings: EcgPages) -> list[PrintedRecord]:
    """The records that settings name, in the order of their paths.

    Raises:
        DataError: There is none.
    """
    folder = Path(settings.records)
    headers = sorted(folder.rglob("*.hea"))
    kept = [path for path in headers if path.stem not in settings.leave_out]
    if not kept:
        raise DataError(str(folder), "holds no WFDB record (.hea) to print.", "Set records to a folder that does.")
    return [PrintedRecord(path.stem, path.stem, str(path)) for path in kept]


def read_printable(record: PrintedRecord, rate_hz: float, num_samples: int) -> Array:
    """The twelve leads of a record from its start, each around the zero line that its median is.

    Returns:
        float32 (12, num_samples) in mV, at `rate_hz`, in the order of `LEADS`.

    Raises:
        DataError: It has not all leads, or is shorter than a page.
    """
    read = read_record(Path(record.header), LEADS)
    if len(read.signal_mv) < LEAST_S * read.rate_hz:
        raise DataError(record.name, f"is shorter than {LEAST_S:g} s, what a page shows.", "Leave it out.")
    signal = resample_window(np.nan_to_num(read.signal_mv), 0, read.rate_hz, rate_hz, num_samples)
    return np.ascontiguousarray((signal - np.median(signal, axis=0)).T, np.float32)
