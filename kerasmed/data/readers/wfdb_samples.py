"""From the bytes of WFDB signal files to ADC values, sizes and checksums verified, and from those to millivolts.

Formats 16, 212, 80 and 61 are decoded here in a few passes over memory; the wfdb package decodes the others. A *slot*
is a column of a signal file: one signal has several where it has several samples in each frame.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerasmed.data.readers.wfdb_files import read_local
from kerasmed.data.readers.wfdb_formats import (
    MAX_SIGNAL_BYTES,
    check_formats,
    frames_in,
    missing_value,
    slots_of,
    stored_bytes,
)
from kerasmed.data.readers.wfdb_grammar import shown
from kerasmed.data.readers.wfdb_header import Header, SignalInfo, signal_groups
from kerasmed.data.readers.wfdb_package import decode_with_package
from kerasmed.data.records import Array
from kerasmed.errors import DataError

UNITS_PER_MV = {"mV": 1.0, "uV": 1e3, "\u00b5V": 1e3, "\u03bcV": 1e3, "V": 1e-3}
_GAINS_PER_MV = (1e-6, 1e12)
_CHECKSUM_ROWS = 512
_CACHED_WORDS = 1 << 16  # 256 KiB: the passes of format 212 over one piece stay in the cache
_FETCH_AGAIN = "The signal file is damaged or another record's: fetch it again."


def read_samples(path: Path, header: Header) -> Array:
    """ADC values of every signal of the record at `path`.

    Several samples of a signal in each frame become their mean, without its fraction, and a skewed signal is moved to
    its time and ends in missing samples. `wfdb.rdrecord` does the same, but for what it gets wrong: a missing sample
    within a frame, and skew that is not the same for all signals or comes with frames.

    Returns:
        (num_samples, num_leads), in the order of the header; int16, or int64 where the wfdb package decoded it.

    Raises:
        DataError: A file is missing, shorter or longer than the header says, or contradicts a checksum or an initial
            value of the header.
    """
    check_formats(path.name, header.signals)
    if all(signal.format in _DECODERS for signal in header.signals):
        parts = [_read_group(path.parent / name, header, group) for name, group in signal_groups(header.signals)]
    else:
        parts = decode_with_package(path, header)
    if len({len(part) for part in parts}) > 1:
        raise DataError(path.name, "has signal files of different lengths.", "Write the number of samples into it.")
    slots = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    _verify(slots, path.name, header)
    return _frames(slots, path.name, header.signals)


def to_millivolts(adc: Array, signals: Sequence[SignalInfo], file_name: str) -> Array:
    """`adc` in millivolts; NaN where a sample is missing.

    Args:
        adc: Integers (num_samples, num_leads).
        signals: One for each column.
        file_name: Names the record in errors.

    Returns:
        float32 (num_samples, num_leads): the quotient (adc - baseline) / gain in float64, rounded once.

    Raises:
        DataError: The unit of a signal is not one of `UNITS_PER_MV`, or its gain is 0 or beyond reason.
    """
    signal_mv = np.empty(adc.shape, np.float32)
    scales = [(_gain_per_mv(signal, file_name), signal.baseline) for signal in signals]
    # Over rows of different scales numpy takes three times as long as over columns of one.
    if len(set(scales)) == 1:
        _scale(adc, *scales[0], out=signal_mv)
    else:
        for column, scale in enumerate(scales):
            _scale(adc[:, column], *scale, out=signal_mv[:, column])
    _blank_missing(signal_mv, adc, [missing_value(signal) for signal in signals])
    return signal_mv


def _scale(adc: Array, gain: float, baseline: int, out: Array) -> None:
    # A quotient of float32 values, rounded to float64 and then to float32, equals the one rounded to float32 at once,
    # since float64 has more than twice the digits. So where both values are float32, the fast way gives the same bits.
    if adc.dtype == np.int16 and abs(baseline) < 2**23 and float(np.float32(gain)) == gain:
        np.subtract(adc, baseline, out=out, dtype=np.float32)
        np.divide(out, gain, out=out)
    else:
        difference = np.subtract(adc, baseline, dtype=np.int64)
        np.divide(difference, gain, out=out, dtype=np.float64, casting="same_kind")


def _blank_missing(signal_mv: Array, adc: Array, missing: Sequence[int | None]) -> None:
    if len(set(missing)) == 1 and (missing[0] is None or adc.min() > missing[0]):
        return
    for column, value in enumerate(missing):
        if value is not None:
            signal_mv[adc[:, column] == value, column] = np.nan


def _gain_per_mv(signal: SignalInfo, file_name: str) -> float:
    if signal.unit not in UNITS_PER_MV:
        reason = f"lead {shown(signal.lead)} is in {shown(signal.unit)}, which is not mV, uV or V."
        raise DataError(file_name, reason, "Ask for the other leads by name.")
    if signal.adc_gain == 0:
        raise DataError(file_name, f"lead {shown(signal.lead)} has gain 0: its amplitude is not calibrated.")
    gain = signal.adc_gain * UNITS_PER_MV[signal.unit]
    low, high = _GAINS_PER_MV
    if not low <= abs(gain) <= high:
        raise DataError(file_name, f"lead {shown(signal.lead)} has a gain of {gain:g} steps per mV.")
    return gain


def _read_group(path: Path, header: Header, signals: Sequence[SignalInfo]) -> Array:
    """int16 (num_frames, num_slots) of the signals that share the file at `path`."""
    content = read_local(path, MAX_SIGNAL_BYTES)
    offset = signals[0].byte_offset
    num_bytes = len(content) - offset
    num_frames = frames_in(num_bytes, signals) if header.num_samples is None else header.num_samples
    if num_frames == 0:
        raise DataError(path.name, "has no samples.")
    needed = stored_bytes(path.name, num_bytes, signals, num_frames)
    num_slots = slots_of(signals)
    values = _DECODERS[signals[0].format](np.frombuffer(content, np.uint8, needed, offset))
    return values[: num_frames * num_slots].reshape(num_frames, num_slots)


def _decode_16(stored: Array) -> Array:
    return stored.view("<i2")


def _decode_61(stored: Array) -> Array:
    return stored.view(">i2").astype(np.int16)


def _decode_80(stored: Array) -> Array:
    return np.subtract(stored, 128, dtype=np.int16)


def _decode_212(stored: Array) -> Array:
    """Two values in three bytes: low byte, both high nibbles (that of the first value below), low byte."""
    if len(stored) % 3:
        stored = np.append(stored, np.uint8(0))
    words = np.empty(len(stored) // 3, np.uint32)
    # Words that begin at every third byte overlap by one; only the last has nothing after it to overlap with.
    words[:-1] = np.ndarray(len(words) - 1, "<u4", stored, strides=(3,))
    words[-1] = int.from_bytes(stored[-3:].tobytes(), "little")
    room = np.empty(min(len(words), _CACHED_WORDS), np.uint32)
    for start in range(0, len(words), _CACHED_WORDS):
        word = words[start : start + _CACHED_WORDS]
        second_high = room[: len(word)]
        np.bitwise_and(word, 0x00F000, out=second_high)
        second_high <<= 16
        word &= 0xFF0FFF
        word <<= 4
        word |= second_high
        halves = word.view(np.int16)
        halves >>= 4  # carries the sign down
    return words.view(np.int16)


_DECODERS: dict[int, Callable[[Array], Array]] = {
    16: _decode_16,
    61: _decode_61,  # wfdb 4.3.1 fails on it when asked for integers, frame by frame
    80: _decode_80,
    212: _decode_212,
}


def _verify(slots: Array, file_name: str, header: Header) -> None:
    sums, firsts, start = _column_sums(slots).tolist(), slots[0].tolist(), 0
    for signal in header.signals:
        stop = start + signal.frame_samples
        total, first = sum(sums[start:stop]) % 2**16, firsts[start]
        start = stop
        # By header(5), 0 stands for no checksum where the number of samples is open.
        is_given = signal.checksum is not None and (header.num_samples is not None or signal.checksum != 0)
        if is_given and total != (signal.checksum or 0) % 2**16:
            reason = f"lead {shown(signal.lead)} has checksum {total}, and the header says {signal.checksum}."
            raise DataError(file_name, reason, _FETCH_AGAIN)
        # Format 8 stores differences from the initial value, which is no sample of its own.
        if signal.initial_value not in (None, first) and signal.format != 8:
            reason = f"lead {shown(signal.lead)} begins with {first}, and the header says {signal.initial_value}."
            raise DataError(file_name, reason, _FETCH_AGAIN)


def _column_sums(slots: Array) -> Array:
    """Sum of each column modulo 2**16 (int16 wraps around), mostly over long contiguous rows: numpy's fastest way."""
    num_slots = slots.shape[1]
    whole = len(slots) // _CHECKSUM_ROWS * _CHECKSUM_ROWS
    blocks = slots[:whole].reshape(-1, _CHECKSUM_ROWS * num_slots).sum(axis=0, dtype=slots.dtype)
    sums = blocks.reshape(_CHECKSUM_ROWS, num_slots).sum(axis=0, dtype=slots.dtype)
    return sums + slots[whole:].sum(axis=0, dtype=slots.dtype)


def _frames(slots: Array, file_name: str, signals: Sequence[SignalInfo]) -> Array:
    """One value of each signal for each frame, at its time."""
    if all(signal.frame_samples == 1 and signal.skew_samples == 0 for signal in signals):
        return slots
    aligned = np.empty((len(slots), len(signals)), slots.dtype)
    start = 0
    for column, signal in enumerate(signals):
        values = slots[:, start : start + signal.frame_samples]
        start += signal.frame_samples
        missing, kept = missing_value(signal), len(slots) - signal.skew_samples
        if kept <= 0 or (missing is None and signal.skew_samples):
            raise DataError(file_name, f"lead {shown(signal.lead)} has a skew that its length or format cannot have.")
        aligned[:kept, column] = _mean(values, missing)[signal.skew_samples :]
        aligned[kept:, column] = 0 if missing is None else missing
    return aligned


def _mean(values: Array, missing: int | None) -> Array:
    if values.shape[1] == 1:
        return values[:, 0]
    means = (values.sum(axis=1, dtype=np.int64) / values.shape[1]).astype(np.int64)
    return means if missing is None else np.where((values == missing).any(axis=1), missing, means)
