"""The lines of WFDB header files: what each field of header(5) may look like, and how a line that does not is blamed.

Every field is bounded in length, so that no number is too long to convert and no pattern slow to fail.
"""

import re
from collections.abc import Sequence

from kerasmed.errors import DataError

_REAL = r"[+-]?(?:\d{1,20}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,2})?"
_WHOLE = r"[+-]?\d{1,10}"
_FILE_NAME = r"~|[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}"
_RECORD_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,200}"

_RECORD_FIELDS = (
    ("record name", rf"(?P<name>{_RECORD_NAME})(?:/(?P<num_segments>\d{{1,6}}))?"),
    ("number of signals", r"(?P<num_signals>\d{1,6})"),
    ("sampling rate", rf"(?P<rate>{_REAL})(?:/{_REAL}(?:\({_REAL}\))?)?"),
    ("number of samples", r"(?P<num_samples>\d{1,13})"),
    ("time and date", r"\S.*"),
)
_SIGNAL_FIELDS = (
    ("name of a signal file in the header's own folder", f"(?P<file>{_FILE_NAME})"),
    ("format", r"(?P<format>\d{1,3})(?:x(?P<frame>\d{1,9}))?(?::(?P<skew>\d{1,9}))?(?:\+(?P<offset>\d{1,12}))?"),
    ("gain(baseline)/unit", rf"(?P<gain>{_REAL})(?:\((?P<baseline>{_WHOLE})\))?(?:/(?P<unit>\S{{1,64}}))?"),
    ("ADC resolution", r"\d{1,3}"),
    ("ADC zero", f"(?P<zero>{_WHOLE})"),
    ("initial value", f"(?P<initial>{_WHOLE})"),
    ("checksum", f"(?P<checksum>{_WHOLE})"),
    ("block size", _WHOLE),
    ("description", r"(?P<lead>\S.*)"),
)
_SEGMENT_FIELDS = (
    ("name of a record in the header's own folder", f"(?P<name>~|{_RECORD_NAME})"),
    ("number of samples", r"(?P<num_samples>\d{1,13})"),
)


def shown(text: str) -> str:
    """Text of a file, fit for an error message: quoted, escaped and short."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


class _Line:
    """One kind of line: a pattern for the whole, and one for each field, to name the field that is wrong."""

    def __init__(self, kind: str, fields: Sequence[tuple[str, str]], num_required: int) -> None:
        self.kind, self.fields, self.num_required = kind, fields, num_required
        pattern = ""
        for _, field in reversed(fields[num_required:]):
            pattern = rf"(?:[ \t]+{field}{pattern})?"
        required = r"[ \t]+".join(field for _, field in fields[:num_required])
        self.pattern = re.compile(required + pattern, re.ASCII)

    def parse(self, file_name: str, number: int, line: str) -> dict[str, str | None]:
        """The named groups of all fields; raises `DataError` that names the first field that is wrong."""
        match = self.pattern.fullmatch(line)
        if match is None:
            raise DataError(file_name, f"line {number}: {self._blame(line)}.")
        return match.groupdict()

    def _blame(self, line: str) -> str:
        tokens = line.split(None, len(self.fields) - 1)
        for (name, pattern), token in zip(self.fields, tokens, strict=False):
            if not re.fullmatch(pattern, token, re.ASCII):
                return f"{shown(token)} is no {name}"
        if len(tokens) < self.num_required:
            return f"the {self.kind} line ends before its {self.fields[len(tokens)][0]}"
        return f"{shown(line)} is no {self.kind} line"


RECORD_LINE = _Line("record", _RECORD_FIELDS, 2)
SIGNAL_LINE = _Line("signal", _SIGNAL_FIELDS, 2)
SEGMENT_LINE = _Line("segment", _SEGMENT_FIELDS, 2)
