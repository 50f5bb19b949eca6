"""A recording with the leads of a model, whoever asks for it."""

from dataclasses import replace
from pathlib import Path

from kerasmed.data.readers.wfdb import read_header, read_record
from kerasmed.data.records import SignalRecord
from kerasmed.errors import ContractError


def read_leads(
    header: Path, leads: tuple[str, ...], rate_hz: float, instead: tuple[str, ...] = ()
) -> tuple[SignalRecord, list[str]]:
    """The record with the leads of a model, under the model's names, and what was done or will be for that.

    Args:
        header: The `.hea` file.
        leads: Of the model.
        rate_hz: Of the model; the record keeps its own.
        instead: Leads to read in place of the model's, in its order.

    Raises:
        ContractError: The record lacks a lead, or `instead` are more or fewer than the model's.
        DataError: The record cannot be read.
    """
    wanted = instead or leads
    if len(wanted) != len(leads):
        raise ContractError(f"the model reads {len(leads)} lead(s), {', '.join(leads)}; give as many.")
    present = read_header(header).leads  # none, where the record is made of segments
    absent = {lead.casefold() for lead in wanted} - {lead.casefold() for lead in present}
    if present and absent:
        raise ContractError(
            f"{header.stem}: the model reads lead {', '.join(wanted)}; the record has {', '.join(present)}. "
            f"To insist on another: --lead {present[0]}."
        )
    record = read_record(header, wanted)
    notes = [f"lead {', '.join(wanted)}", *record.notes]
    if wanted != leads:
        notes += [f"lead {', '.join(wanted)} stands in for {', '.join(leads)}, on which the model was trained"]
    if record.rate_hz != rate_hz:
        notes += [f"resampled from {record.rate_hz:g} to {rate_hz:g} Hz"]
    return replace(record, leads=leads), notes
