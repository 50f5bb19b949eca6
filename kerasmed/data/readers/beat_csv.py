"""Text files of one beat per line, as Kaggle's heartbeat set: 187 samples scaled to 0..1, then the class."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

NUM_SAMPLES = 187
NUM_COLUMNS = NUM_SAMPLES + 1
BLOCK_BYTES = 1 << 20  # a few of them fit the cache of a core
MAX_LINE_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# How np.savetxt writes a number, and with it every cell of the published files: "9.779411554336547852e-01", and a comma
# or the end of the line.
CELL_BYTES = 25
MANTISSA = (0, *range(2, 19))  # 18 digits fit int64; the last one is beyond what float64 holds
DIGITS = (0, *range(2, 20), 22, 23)
DIVISORS = 10.0 ** (len(MANTISSA) - 1 - np.arange(-99, 100))
MAX_NAMED = 20


class _Faults(defaultdict[str, list[int]]):
    """What is wrong, and the numbers of the lines where."""

    def __init__(self) -> None:
        super().__init__(list)

    def __str__(self) -> str:
        return "; ".join(f"{_line_ranges(lines)}: {what}" for what, lines in self.items())


def read_beat_csv(path: Path, num_classes: int) -> tuple[Array, Array]:
    """All beats of a file.

    A byte order mark, CRLF line ends and blank lines at the end are passed over.

    Args:
        path: The file.
        num_classes: Labels are 0 .. num_classes - 1.

    Returns:
        float32 (n, 187) and labels, int8 (n,).

    Raises:
        DataError: The file is missing or empty, holds a single class, or has lines that are no beats; all of those are
            named at once, by what is wrong and by line.
    """
    faults = _Faults()
    parts: list[Array] = []
    first = 1
    for block in _blocks(path):
        values = _parse_fixed(block)
        num_lines = block.count(b"\n")
        numbers = np.arange(first, first + num_lines)
        if values is None:
            values, numbers = _parse_lines(block, first, faults)
        _check_values(values, numbers, num_classes, faults)
        if not faults:
            parts.append(values.astype(np.float32))
        first += num_lines
    if faults:
        remedy = f"A line is {NUM_SAMPLES} values in 0..1 and a label in 0..{num_classes - 1}."
        raise DataError(path.name, f"{faults}.", remedy)
    if not parts:
        raise DataError(path.name, "is empty.", "Download it again.")
    table = np.concatenate(parts)
    labels = table[:, -1].astype(np.int8)
    if labels.min() == labels.max():
        raise DataError(path.name, f"every label is {labels[0]}: there is nothing to tell apart.")
    return table[:, :-1], labels


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, each ending in LF, about a megabyte at a time."""
    try:
        with path.open("rb") as file:
            block = file.read(BLOCK_BYTES).removeprefix(BYTE_ORDER_MARK)
            while block:
                block += file.readline(MAX_LINE_BYTES)
                following = file.read(BLOCK_BYTES)
                block = block.replace(b"\r\n", b"\n")
                if not following:
                    block = block.rstrip() + b"\n"
                if not block.isspace():
                    yield block
                block = following
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror}.") from error


def _parse_fixed(block: bytes) -> Array | None:
    """float64 (n, NUM_COLUMNS) of lines whose every cell is written as np.savetxt does; None of any other.

    All cells are read at once, digit by digit, in a third of the time of np.loadtxt.
    """
    text = np.frombuffer(block, dtype=np.uint8)
    if len(text) % (NUM_COLUMNS * CELL_BYTES):
        return None
    # One row for each character of a cell, so that every step runs over contiguous bytes.
    characters = np.ascontiguousarray(text.reshape(-1, CELL_BYTES).T)
    ends = np.full(NUM_COLUMNS, ord(","), dtype=np.uint8)
    ends[-1] = ord("\n")
    negative = characters[21] == ord("-")
    as_written = (
        (characters[1] == ord(".")).all()
        and (characters[20] == ord("e")).all()
        and (negative | (characters[21] == ord("+"))).all()
        and (characters[24].reshape(-1, NUM_COLUMNS) == ends).all()
        and all((characters[row] - ord("0") <= 9).all() for row in DIGITS)
    )
    if not as_written:
        return None
    mantissa = np.zeros(characters.shape[1], dtype=np.int64)
    for row in MANTISSA:
        mantissa *= 10
        mantissa += characters[row] - ord("0")
    exponent = 10 * (characters[22] - ord("0")).astype(np.int64) + (characters[23] - ord("0"))
    exponent[negative] *= -1
    # Dividing is exact where multiplying by a negative power of ten is not: 3 stays 3.
    values: Array = mantissa / DIVISORS[exponent + 99]
    return values.reshape(-1, NUM_COLUMNS)


def _parse_lines(block: bytes, first: int, faults: _Faults) -> tuple[Array, Array]:
    """float64 (n, NUM_COLUMNS) of the lines that are all numbers, and the numbers of those lines, int64 (n,)."""
    rows: list[Array] = []
    numbers: list[int] = []
    for number, line in enumerate(block.split(b"\n")[:-1], start=first):
        cells = line.split(b",")
        if not line.strip():
            faults["a blank line"].append(number)
        elif len(cells) != NUM_COLUMNS:
            faults[f"{len(cells)} columns instead of {NUM_COLUMNS}"].append(number)
        else:
            try:
                rows.append(np.array(cells).astype(np.float64))
            except ValueError:
                faults["a cell that is no number"].append(number)
            else:
                numbers.append(number)
    return np.array(rows).reshape(-1, NUM_COLUMNS), np.array(numbers, dtype=np.int64)


def _check_values(values: Array, numbers: Array, num_classes: int, faults: _Faults) -> None:
    samples, labels = values[:, :-1], values[:, -1]
    finite = np.isfinite(values).all(axis=1)
    outside = finite & ((samples < 0) | (samples > 1)).any(axis=1)
    unknown = finite & ~np.isin(labels, np.arange(num_classes))
    found = {
        "a value that is not finite": ~finite,
        "a sample outside 0..1": outside,
        f"a label outside 0..{num_classes - 1}": unknown,
    }
    for what, wrong in found.items():
        if wrong.any():
            faults[what].extend(numbers[wrong].tolist())


def _line_ranges(numbers: list[int]) -> str:
    """As "line 7" or "lines 3-5, 9"; of very many, the first and how many there are."""
    runs = np.split(np.array(numbers), np.flatnonzero(np.diff(numbers) > 1) + 1)
    named = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = f" and more, {len(numbers)} in all" if len(named) > MAX_NAMED else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(named[:MAX_NAMED])}{more}"
