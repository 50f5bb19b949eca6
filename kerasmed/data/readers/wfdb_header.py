"""WFDB header files, as header(5) of the WFDB Applications Guide has them, with limits on what they may say.

Where we differ from header(5), and from the wfdb package, on purpose: lines beyond the stated number of signals, leads
named twice, rates that are not above 0, and file names that lead out of the folder are refused. Dates and times of day
are passed over, since databases write them in many ways and no one here asks for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.readers.wfdb_grammar import RECORD_LINE, SEGMENT_LINE, SIGNAL_LINE, shown
from kerasmed.errors import DataError

MAX_HEADER_BYTES = 4 << 20  # a week of one-minute segments takes 0.3 MB
MAX_LINE_CHARS = 4096
MAX_SIGNALS = 1024
MAX_RATE_HZ = 1e6
MAX_FRAME_SAMPLES = 10_000
MAX_SKEW_SAMPLES = 1_000_000
DEFAULT_RATE_HZ, DEFAULT_GAIN = 250.0, 200.0  # header(5): DEFREQ and DEFGAIN, for a field that is absent


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """How one signal is stored.

    Attributes:
        file_name: Signal file, in the folder of the header; "~" where nothing is stored.
        format: Number of the sample format, of signal(5); 0 where nothing is stored.
        frame_samples: Samples of this signal in each frame.
        skew_samples: Frames by which this signal lies late in its file.
        byte_offset: Bytes before the first sample.
        adc_gain: ADC steps per `unit`; `DEFAULT_GAIN` where absent; 0 where the header says that it is not known.
        baseline: ADC value of 0 `unit`; the ADC zero where absent.
        unit: Physical unit; "mV" where absent.
        initial_value: First sample, where given.
        checksum: Sum of all samples modulo 65536, where given.
        lead: Name of the signal.
    """

    file_name: str
    format: int
    frame_samples: int
    skew_samples: int
    byte_offset: int
    adc_gain: float
    baseline: int
    unit: str
    initial_value: int | None
    checksum: int | None
    lead: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A record that is part of a longer one; "~" is a gap, and a first one without samples names the leads."""

    name: str
    num_samples: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a header file says.

    Attributes:
        record_id: Name of the record: that of the file, without its suffix.
        rate_hz: Frames per second.
        num_samples: Frames; None where the header leaves it open.
        num_signals: Number of signals, also of a record made of segments.
        signals: One for each signal; empty for a record made of segments.
        segments: Parts in their order; empty for an ordinary record.
        comments: Lines that begin with "#", without it.
    """

    record_id: str
    rate_hz: float
    num_samples: int | None
    num_signals: int
    signals: tuple[SignalInfo, ...]
    segments: tuple[Segment, ...]
    comments: tuple[str, ...]

    @property
    def leads(self) -> tuple[str, ...]:
        """Name of each signal; empty for a record made of segments."""
        return tuple(signal.lead for signal in self.signals)


def parse_header_file(path: Path) -> Header:
    """The header at `path`, which ends in ".hea"; raises `DataError`."""
    if path.suffix != ".hea":
        raise DataError(path.name, "is not a WFDB header.", "Name the record's .hea file.")
    return parse_header(_decoded(read_local(path, MAX_HEADER_BYTES)), path.name)


def parse_header(text: str, file_name: str) -> Header:
    """The header that `text` is; `file_name` names the record. Raises `DataError`."""
    lines, comments = _sorted_lines(text, file_name)
    if not lines:
        raise DataError(file_name, "has no record line.")
    record_id = file_name.removesuffix(".hea")
    fields = RECORD_LINE.parse(file_name, *lines[0])
    num_signals = int(fields["num_signals"] or 0)
    if num_signals > MAX_SIGNALS:
        raise DataError(file_name, f"names {num_signals} signals, and at most {MAX_SIGNALS} are read.")
    signals: tuple[SignalInfo, ...] = ()
    segments: tuple[Segment, ...] = ()
    if fields["num_segments"] is not None:
        _check_count(file_name, "segments", int(fields["num_segments"]), len(lines) - 1)
        segments = tuple(_segment(file_name, record_id, *line) for line in lines[1:])
    else:
        _check_count(file_name, "signals", num_signals, len(lines) - 1)
        signals = tuple(_signal(file_name, record_id, index, *line) for index, line in enumerate(lines[1:]))
        _check_leads(file_name, signals)
        _check_groups(file_name, signals)
    return Header(
        record_id=record_id,
        rate_hz=_rate(file_name, fields["rate"]),
        num_samples=int(fields["num_samples"] or 0) or None,
        num_signals=num_signals,
        signals=signals,
        segments=segments,
        comments=comments,
    )


def _decoded(content: bytes) -> str:
    # Units and comments of real files are in either; all other fields are ASCII.
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _sorted_lines(text: str, file_name: str) -> tuple[list[tuple[int, str]], tuple[str, ...]]:
    lines, comments = [], []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if line.startswith("#"):
            comments.append(line.strip(" \t#"))
        elif len(line) > MAX_LINE_CHARS:
            raise DataError(file_name, f"line {number} is longer than {MAX_LINE_CHARS} characters.")
        elif line:
            lines.append((number, line))
    return lines, tuple(comments)


def _rate(file_name: str, text: str | None) -> float:
    rate_hz = DEFAULT_RATE_HZ if text is None else float(text)
    if not 0 < rate_hz <= MAX_RATE_HZ:
        raise DataError(file_name, f"has a rate of {rate_hz:g} Hz; it must be above 0 and at most {MAX_RATE_HZ:g}.")
    return rate_hz


def _segment(file_name: str, record_id: str, number: int, line: str) -> Segment:
    fields = SEGMENT_LINE.parse(file_name, number, line)
    if fields["name"] == record_id:
        raise DataError(file_name, f"line {number}: the record is a segment of itself.")
    return Segment(fields["name"] or "", int(fields["num_samples"] or 0))


def _signal(file_name: str, record_id: str, index: int, number: int, line: str) -> SignalInfo:
    fields = SIGNAL_LINE.parse(file_name, number, line)
    frame, skew = int(fields["frame"] or 1), int(fields["skew"] or 0)
    for name, value, low, high in (
        ("samples per frame", frame, 1, MAX_FRAME_SAMPLES),
        ("skew", skew, 0, MAX_SKEW_SAMPLES),
        ("checksum", int(fields["checksum"] or 0), -(2**15), 2**16 - 1),
    ):
        if not low <= value <= high:
            raise DataError(file_name, f"line {number}: the {name} is {value}; it must be {low} to {high}.")
    lead = fields["lead"] or f"record {record_id}, signal {index}"
    if not lead.isprintable():
        raise DataError(file_name, f"line {number}: {shown(lead)} is no description.")
    return SignalInfo(
        file_name=fields["file"] or "",
        format=int(fields["format"] or 0),
        frame_samples=frame,
        skew_samples=skew,
        byte_offset=int(fields["offset"] or 0),
        adc_gain=DEFAULT_GAIN if fields["gain"] is None else float(fields["gain"]),
        baseline=int(fields["baseline"] or fields["zero"] or 0),
        unit=fields["unit"] or "mV",
        initial_value=_optional(fields["initial"]),
        checksum=_optional(fields["checksum"]),
        lead=lead,
    )


def _optional(text: str | None) -> int | None:
    return None if text is None else int(text)


def _check_count(file_name: str, name: str, stated: int, present: int) -> None:
    if stated != present:
        raise DataError(file_name, f"says {stated} {name}, and {present} {name[:-1]} lines follow.")


def _check_leads(file_name: str, signals: Sequence[SignalInfo]) -> None:
    names = [signal.lead.casefold() for signal in signals]
    if len(set(names)) < len(names):
        twice = next(signal.lead for signal, name in zip(signals, names, strict=True) if names.count(name) > 1)
        raise DataError(file_name, f"has more than one lead {shown(twice)}.", "Give each lead a name of its own.")


def signal_groups(signals: Sequence[SignalInfo]) -> Iterator[tuple[str, tuple[SignalInfo, ...]]]:
    """Each signal file with the signals that share it, in the order of the header."""
    for name, group in groupby(signals, lambda signal: signal.file_name):
        yield name, tuple(group)


def find_leads(present: Sequence[str], asked: Sequence[str], file_name: str) -> list[int]:
    """Index in `present` of each lead in `asked`, whatever its case; raises `DataError` for one that is missing."""
    index = {lead.casefold(): column for column, lead in enumerate(present)}
    for lead in asked:
        if lead.casefold() not in index:
            raise DataError(file_name, f"has no lead {lead!r}.", f"It has {', '.join(map(shown, present))}.")
    return [index[lead.casefold()] for lead in asked]


def _check_groups(file_name: str, signals: Sequence[SignalInfo]) -> None:
    seen = set()
    for name, group in signal_groups(signals):
        if name in seen:
            raise DataError(file_name, f"lists the signals of {name} apart.", "Put their lines one below the other.")
        if len({(signal.format, signal.byte_offset) for signal in group}) > 1:
            raise DataError(file_name, f"gives the signals of {name} different formats or offsets.")
        if name != "~":
            seen.add(name)
