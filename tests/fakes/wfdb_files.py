"""Writes true WFDB files, byte by byte, so that no reader is judged by its own writer.

What is written is valid; a fault is put in by a change of what would have been written: `header` takes the text of the
.hea file and returns another, `content` does so with the bytes of the signal or annotation file.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

SYMBOL_CODES = {
    **{"N": 1, "L": 2, "R": 3, "a": 4, "V": 5, "F": 6, "J": 7, "A": 8, "S": 9, "E": 10, "j": 11, "/": 12, "Q": 13},
    **{"~": 14, "|": 16, "s": 18, "T": 19, "*": 20, "D": 21, '"': 22, "=": 23, "p": 24, "B": 25, "^": 26, "t": 27},
    **{"+": 28, "u": 29, "?": 30, "!": 31, "[": 32, "]": 33, "e": 34, "n": 35, "@": 36, "x": 37, "f": 38, "(": 39},
    **{")": 40, "r": 41},
}
LOWEST = {"16": -(2**15), "212": -(2**11), "80": -(2**7)}


def unchanged(written):
    return written


def write_record(
    folder: Path,
    name: str,
    signal_mv: np.ndarray,
    rate_hz: float,
    leads: Sequence[str],
    fmt: str = "16",
    adc_gain: float = 200,
    *,
    baseline: int = 0,
    unit: str = "mV",
    byte_offset: int = 0,
    comments: Sequence[str] = (),
    newline: str = "\n",
    header: Callable[[str], str] = unchanged,
    content: Callable[[bytes], bytes] = unchanged,
) -> Path:
    """Write `signal_mv` (num_samples, num_leads), NaN where missing, as record `name`; returns its header's path."""
    steps = np.round(np.asarray(signal_mv, np.float64) * adc_gain + baseline)
    highest = -LOWEST[fmt] - 1
    adc = np.where(np.isnan(steps), LOWEST[fmt], np.clip(steps, -highest, highest)).astype(np.int64)
    return write_adc(
        folder,
        name,
        adc,
        rate_hz,
        leads,
        fmt,
        gains=[f"{adc_gain}({baseline})/{unit}"] * len(leads),
        byte_offset=byte_offset,
        comments=comments,
        newline=newline,
        header=header,
        content=content,
    )


def write_adc(
    folder: Path,
    name: str,
    adc: np.ndarray,
    rate_hz: float,
    leads: Sequence[str],
    fmt: str = "16",
    *,
    gains: Sequence[str] | None = None,
    byte_offset: int = 0,
    comments: Sequence[str] = (),
    newline: str = "\n",
    header: Callable[[str], str] = unchanged,
    content: Callable[[bytes], bytes] = unchanged,
) -> Path:
    """Write the integers `adc` (num_samples, num_leads); `gains` are fields as in "200(1024)/mV", one for each lead."""
    suffix = "mat" if byte_offset else "dat"
    form = f"{fmt}+{byte_offset}" if byte_offset else fmt
    lines = [f"{name} {len(leads)} {rate_hz:.12g} {len(adc)}"]
    for values, lead, gain in zip(adc.T, leads, gains or ["200/mV"] * len(leads), strict=True):
        checksum = int(values.sum()) & 0xFFFF
        checksum -= 0x10000 if checksum >= 0x8000 else 0
        lines.append(f"{name}.{suffix} {form} {gain} 12 0 {values[0]} {checksum} 0 {lead}")
    lines += [f"# {comment}" for comment in comments]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{suffix}").write_bytes(content(bytes(byte_offset) + encode(adc, fmt)))
    path = folder / f"{name}.hea"
    path.write_bytes(header(newline.join([*lines, ""])).encode())
    return path


def encode(adc: np.ndarray, fmt: str) -> bytes:
    """The bytes of integers (num_samples, num_leads) in a sample format of signal(5)."""
    values = np.asarray(adc).reshape(-1)
    if fmt == "16":
        return values.astype("<i2").tobytes()
    if fmt == "80":
        return (values + 128).astype(np.uint8).tobytes()
    if len(values) % 2:
        return encode(np.append(values, 0), fmt)[:-1]
    first, second = values.reshape(-1, 2).T & 0xFFF
    triplets = np.stack([first & 0xFF, (first >> 8) | (second >> 8 << 4), second & 0xFF], axis=1)
    return triplets.astype(np.uint8).tobytes()


def write_annotations(
    folder: Path,
    name: str,
    samples: Sequence[int],
    symbols: Sequence[str],
    notes: Sequence[str] | None = None,
    *,
    suffix: str = "atr",
    content: Callable[[bytes], bytes] = unchanged,
) -> Path:
    """Write marks, in the order given, as MIT annotation file `name`.`suffix`; returns its path."""
    words, now = bytearray(), 0
    for sample, symbol, note in zip(samples, symbols, notes or [""] * len(samples), strict=True):
        interval, now = int(sample) - now, int(sample)
        if not 0 <= interval < 1024:
            high, low = (interval >> 16) & 0xFFFF, interval & 0xFFFF
            words += word(59) + high.to_bytes(2, "little") + low.to_bytes(2, "little")
            interval = 0
        words += word(SYMBOL_CODES[symbol], interval)
        if note:
            text = note.encode("latin-1")
            words += word(63, len(text)) + text + bytes(len(text) % 2)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{suffix}"
    path.write_bytes(content(bytes(words + word(0))))
    return path


def word(code: int, number: int = 0) -> bytes:
    """One word of an annotation file."""
    return (code << 10 | number).to_bytes(2, "little")
