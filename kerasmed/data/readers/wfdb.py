"""WFDB records (.hea, .dat, .mat) and MIT annotations (.atr): strict, local, and with every checksum verified.

The wfdb package is the reference that tests compare with; it reads fs 0, gain 0, wrong checksums and headers shorter
than their files without a word, which here are errors.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb_annotations import parse_annotation_file
from kerasmed.data.readers.wfdb_header import Header, Segment, SignalInfo, find_leads, parse_header_file
from kerasmed.data.readers.wfdb_samples import read_samples, to_millivolts
from kerasmed.data.readers.wfdb_segments import join_segments
from kerasmed.data.records import Annotations, Array, SignalRecord
from kerasmed.errors import DataError

__all__ = ["Header", "Segment", "SignalInfo", "read_adc", "read_annotations", "read_header", "read_record"]


def read_header(path: Path) -> Header:
    """What the header file at `path` says, without looking at its signal files.

    Fields that are absent have the defaults of header(5): 250 Hz, 200 steps per mV, baseline at the ADC zero.

    Raises:
        DataError: It breaks the grammar of header(5) or a limit of `wfdb_header`, has a rate that is not above 0, a
            lead twice, more or fewer lines than it says, or names a file outside its folder.
    """
    return parse_header_file(path)


def read_record(path: Path, leads: tuple[str, ...] | None = None) -> SignalRecord:
    """The signal of the record whose header file is at `path`, in millivolts.

    Sizes, checksums and initial values of all signals are verified; only the leads asked for need be voltages. A gain
    that the header leaves out is 200 steps per mV, as header(5) has it; one that it states as 0 is refused, since that
    says that the amplitude is not known.

    Args:
        path: The .hea file; signal files lie beside it.
        leads: Names of the leads to read, in the order wanted ("aVR" finds "AVR"); all where None.

    Returns:
        float32 signal, NaN where a sample is missing; the patient is the record's own id.

    Raises:
        DataError: A lead is not there, or a file is missing, damaged, or contradicts the header.
        MissingPackageError: The sample format needs the wfdb package, which is not installed.
    """
    header = read_header(path)
    signal_mv, names = _read_leads(path, header, leads)
    return SignalRecord(
        record_id=header.record_id,
        patient=header.record_id,
        signal_mv=signal_mv,
        rate_hz=header.rate_hz,
        leads=names,
        notes=_conversions(header, names),
    )


def _conversions(header: Header, leads: Sequence[str]) -> tuple[str, ...]:
    """What was not stored in mV; of segments, which may differ, nothing is said."""
    asked = {lead.casefold() for lead in leads}
    units = {
        signal.unit: signal.lead
        for signal in header.signals
        if signal.unit != "mV" and (signal.lead.casefold() in asked)
    }
    return tuple(f"lead {lead} is stored in {unit} and was converted to mV" for unit, lead in units.items())


def read_adc(path: Path, leads: tuple[str, ...] | None = None) -> Array:
    """The stored integers of the record whose header file is at `path`, in ADC steps.

    Returns:
        int16, or int64 for rare formats: (num_samples, num_leads). The lowest value of the format stands for missing.

    Raises:
        DataError: As `read_record`; also for a record made of segments, which has no one ADC scale.
    """
    header = read_header(path)
    if header.segments:
        raise DataError(path.name, "is made of segments.", "Read them one by one.")
    adc = read_samples(path, header)
    return adc if leads is None else _picked(adc, find_leads(header.leads, leads, path.name))


def read_annotations(path: Path, num_samples: int | None = None) -> Annotations:
    """The marks in the MIT annotation file at `path`, in file order.

    Passed over are marks of code 0, and the notes at sample 0 by which a file describes itself ("## ...").

    Args:
        path: The annotation file, such as "100.atr"; its record's header, where there is one, lies beside it.
        num_samples: Length of the signal, where no mark may lie beyond it.

    Raises:
        DataError: The file was cut off or goes on after its end, marks go back in time or lie outside the signal, a
            mark is of no known kind, or times are counted at another rate than the header's.
    """
    return parse_annotation_file(path, num_samples)


def _read_leads(path: Path, header: Header, leads: Sequence[str] | None) -> tuple[Array, tuple[str, ...]]:
    if header.segments:
        return join_segments(path, header, leads, lambda part, names: _read_leads(part, read_header(part), names)[0])
    if leads is None:
        return to_millivolts(read_samples(path, header), header.signals, path.name), header.leads
    columns = find_leads(header.leads, leads, path.name)
    adc = _picked(read_samples(path, header), columns)
    return to_millivolts(adc, [header.signals[column] for column in columns], path.name), tuple(leads)


def _picked(adc: Array, columns: Sequence[int]) -> Array:
    if len(columns) == 1:  # the usual wish: a slice, without a copy
        return adc[:, columns[0] : columns[0] + 1]
    return np.take(adc, np.array(columns, np.intp), axis=1)  # contiguous, where indexing would give slow columns
