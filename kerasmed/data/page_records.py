"""Pages of ECG paper and what was printed on them, wherever they come from.

Whatever the rate of a record, its signals are those of a page: twelve leads, ten seconds at 500 Hz.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np

from kerasmed.data.readers.page_file import read_page_file
from kerasmed.data.records import Array
from kerasmed.data.resampling import resample_window
from kerasmed.errors import DataError
from kerasmed.files import digest, write_bytes

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE_HZ, NUM_SAMPLES = 500.0, 5000


class Printed(Protocol):
    """Where the signals of a page are stored."""

    @property
    def path(self) -> Path:
        """The file that holds them."""

    def read(self) -> Array:
        """float32 (12, 5000) in mV at 500 Hz, in the order of `LEADS`; NaN where nothing is printed."""


@dataclass(frozen=True)
class PageRef:
    """A page before it is read.

    Attributes:
        name: Of the page, unique in its source.
        image: The file that shows it.
        number: Which page of the file, from 0.
        record: What is printed on it; "" where that is unknown.
        patient: Of whom, equal for pages of the same person; "" where that is unknown.
        look: What was done to it, in the words of its source; "" where that is unknown.
        printed: Its signals; None for a page to be digitised.
    """

    name: str
    image: Path
    number: int = 0
    record: str = ""
    patient: str = ""
    look: str = ""
    printed: Printed | None = None


@dataclass(frozen=True)
class PageRecord:
    """A page as it was read.

    Attributes:
        name: Of the page.
        pixels: uint8 (height, width, 3).
        record: As in `PageRef`.
        patient: As in `PageRef`.
        signals_mv: float32 (12, 5000) at 500 Hz, in the order of `LEADS`, NaN where nothing is printed; None where
            nothing is known.
    """

    name: str
    pixels: Array
    record: str
    patient: str
    signals_mv: Array | None


def read_page(page: PageRef, cache: Path | None = None) -> PageRecord:
    """Read a page, and the signals printed on it where they are known.

    Args:
        page: Which one.
        cache: Folder that keeps signals once resampled.

    Raises:
        DataError: The page or its signals cannot be used.
    """
    pixels = read_page_file(page.image, page.number)
    return PageRecord(page.name, pixels, page.record, page.patient, read_printed(page, cache))


def read_printed(page: PageRef, cache: Path | None = None) -> Array | None:
    """The signals of a page alone, as in `PageRecord`.

    Raises:
        DataError: They cannot be used.
    """
    if page.printed is None or cache is None:
        return None if page.printed is None else page.printed.read()
    kept = cache / f"{_key(page.printed)}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept, allow_pickle=False))
    signals = page.printed.read()
    content = BytesIO()
    np.save(content, signals, allow_pickle=False)
    cache.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, content.getvalue())
    return signals


def on_page(signal_mv: Array, rate_hz: float) -> Array:
    """The signals of a page at the rate of a page.

    Args:
        signal_mv: float (num_samples, 12) from the first moment of the page, in the order of `LEADS`; NaN where
            nothing is printed.
        rate_hz: Its rate.

    Returns:
        float32 (12, 5000). Each stretch between gaps is resampled for itself, so that no gap reaches into it.
    """
    shown = np.full((len(LEADS), NUM_SAMPLES), np.nan, np.float32)
    for lead, column in enumerate(np.asarray(signal_mv, np.float32).T):
        for start, end in _stretches(np.isfinite(column)):
            first, behind = (min(NUM_SAMPLES, int(np.ceil(edge * RATE_HZ / rate_hz - 1e-6))) for edge in (start, end))
            if behind > first:
                held = np.concatenate([np.full(start, column[start], np.float32), column[start:end]])
                shown[lead, first:behind] = resample_window(held[:, None], 0, rate_hz, RATE_HZ, behind)[first:, 0]
    return shown


def need_leads(names: tuple[str, ...], record: str) -> tuple[int, ...]:
    """Columns of `LEADS` among names in any case.

    Raises:
        DataError: A lead is missing.
    """
    known = {name.strip().casefold(): place for place, name in enumerate(names)}
    missing = [lead for lead in LEADS if lead.casefold() not in known]
    if missing:
        raise DataError(record, f"has no lead {', '.join(missing)}.")
    return tuple(known[lead.casefold()] for lead in LEADS)


def _stretches(there: Array) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _key(printed: Printed) -> str:
    """Changes with the file and with what of it is printed."""
    try:
        state = printed.path.stat()
    except OSError as error:
        raise DataError(printed.path.name, f"cannot be read: {error.strerror}.") from error
    return digest([repr(printed), state.st_size, state.st_mtime_ns])
