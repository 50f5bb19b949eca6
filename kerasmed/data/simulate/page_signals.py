"""What is printed on simulated pages: twelve leads of WFDB records, or of simulated people."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmed.config.pages import EcgPages
from kerasmed.data.page_records import LEADS, NUM_SAMPLES, RATE_HZ, on_page
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.record_patients import patient_of, ptbxl_patients
from kerasmed.data.records import Array
from kerasmed.data.simulate.ecg_twelve import simulate_twelve
from kerasmed.errors import DataError

SHORTEST_S = 9.9  # of a record that is printed
_PEOPLE = 1000


@dataclass(frozen=True)
class PrintedRecord:
    """What to print: a record, by its header file, or a simulated person, by the seed of everything about them."""

    name: str
    patient: str
    header: str = ""
    seed: tuple[int, int] = (0, 0)


def simulated_people(settings: EcgPages) -> list[PrintedRecord]:
    """A thousand people, whose hearts follow from the seed."""
    names = [f"S{number + 1:04d}" for number in range(_PEOPLE)]
    return [PrintedRecord(name, name, seed=(settings.seed, number)) for number, name in enumerate(names)]


def list_printable(folder: Path, leave_out: Sequence[str] = ()) -> list[PrintedRecord]:
    """The WFDB records anywhere below a folder, in the order of their paths, but those named in `leave_out`.

    The patient is what PTB-XL's table in this folder or one above says, else what a header comment `# patient: NAME`
    says, else the record.

    Raises:
        DataError: There is none.
    """
    known = ptbxl_patients(folder)
    headers = sorted(path for path in folder.rglob("*.hea") if path.stem not in leave_out)
    if not headers:
        raise DataError(str(folder), "holds no WFDB record (.hea) to print.", "Name a folder that does.")
    return [PrintedRecord(path.stem, patient_of(path, known), str(path)) for path in headers]


def read_printable(record: PrintedRecord) -> Array:
    """Twelve leads from the start of a record, the median of each being its zero line.

    Returns:
        float32 (12, 5000) in mV, at 500 Hz, in the order of `LEADS`; NaN where the record has gaps.

    Raises:
        DataError: It has not all leads, or is shorter than a page.
    """
    if not record.header:
        return simulate_twelve(np.random.default_rng([7, *record.seed]), RATE_HZ, NUM_SAMPLES)
    read = read_record(Path(record.header), LEADS)
    if len(read.signal_mv) < SHORTEST_S * read.rate_hz:
        raise DataError(record.name, f"is shorter than {SHORTEST_S:g} s, what a page shows.", "Put it into leave_out.")
    signals = on_page(read.signal_mv, read.rate_hz)
    zero = [np.median(lead[np.isfinite(lead)]) if np.isfinite(lead).any() else 0.0 for lead in signals]
    return (signals - np.array(zero)[:, None]).astype(np.float32)
