"""Records made of segments: other records of the same folder, one after the other, with gaps between them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb_header import Header, find_leads, parse_header_file
from kerasmed.data.records import Array
from kerasmed.errors import DataError

MAX_JOINED_BYTES = 2 << 30  # a gap may claim any length, and takes memory all the same


def join_segments(
    path: Path, header: Header, leads: Sequence[str] | None, read_leads: Callable[[Path, Sequence[str]], Array]
) -> tuple[Array, tuple[str, ...]]:
    """Signal of the record at `path`; NaN in gaps, and where a segment lacks a lead.

    Args:
        path: Header of the whole record.
        header: What it says.
        leads: Names of the leads to read; all where None.
        read_leads: Reads some leads of one segment, from its header file: float32 (num_samples, num_leads).

    Returns:
        float32 (num_samples, num_leads), millivolts, and the names of its columns.

    Raises:
        DataError: A segment is missing, or does not fit what the header says of it or of the whole.
    """
    parts = _parts(path, header)
    all_leads = _all_leads(path, header, parts)
    asked = tuple(leads) if leads is not None else all_leads
    find_leads(all_leads, asked, path.name)
    num_samples = sum(segment.num_samples for segment in header.segments)
    if num_samples * len(asked) * 4 > MAX_JOINED_BYTES:
        raise DataError(path.name, f"takes more than {MAX_JOINED_BYTES} bytes.", "Read its segments one by one.")
    signal_mv = np.full((num_samples, len(asked)), np.nan, np.float32)
    start = 0
    for segment, part in zip(header.segments, parts, strict=True):
        stop = start + segment.num_samples
        present = {lead.casefold() for lead in part.leads} if part else set()
        columns = [column for column, lead in enumerate(asked) if lead.casefold() in present]
        if columns and segment.num_samples:
            segment_path = path.with_name(f"{segment.name}.hea")
            signal_mv[start:stop, columns] = read_leads(segment_path, [asked[column] for column in columns])
        start = stop
    return signal_mv, asked


def _parts(path: Path, header: Header) -> list[Header | None]:
    """Header of each segment; None for a gap."""
    known: dict[str, Header] = {}
    parts: list[Header | None] = []
    for segment in header.segments:
        if segment.name == "~":
            parts.append(None)
            continue
        if segment.name not in known:
            known[segment.name] = parse_header_file(path.with_name(f"{segment.name}.hea"))
        part = known[segment.name]
        if part.segments:
            raise DataError(path.name, f"segment {segment.name} is itself made of segments.")
        if (part.num_samples or 0, part.rate_hz) != (segment.num_samples, header.rate_hz):
            reason = f"segment {segment.name} has {part.num_samples or 0} samples at {part.rate_hz:g} Hz, "
            raise DataError(path.name, f"{reason}not {segment.num_samples} at {header.rate_hz:g} Hz.")
        is_empty = segment.num_samples > 0 and all(signal.format == 0 for signal in part.signals)
        parts.append(None if is_empty else part)
    return parts


def _all_leads(path: Path, header: Header, parts: Sequence[Header | None]) -> tuple[str, ...]:
    """Leads of the record: those of its layout, a first segment without samples, else those of every segment."""
    total = sum(segment.num_samples for segment in header.segments)
    if header.num_samples not in (None, total):
        raise DataError(path.name, f"says {header.num_samples} samples, and its segments have {total}.")
    leads = next((part.leads for part in parts if part), ())
    if not leads or len(leads) != header.num_signals:
        raise DataError(path.name, f"says {header.num_signals} signals, and its segments have {len(leads)}.")
    has_layout = header.segments[0].num_samples == 0
    if not has_layout and any(part.leads != leads for part in parts if part):
        raise DataError(path.name, "has segments with different leads, and no layout segment that names them all.")
    return leads
