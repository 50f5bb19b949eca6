"""The sample formats of WFDB signal files, as signal(5) of the WFDB Applications Guide has them."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasmed.data.readers.wfdb_header import SignalInfo
from kerasmed.errors import DataError

MAX_SIGNAL_BYTES = 2 << 30


@dataclass(frozen=True)
class SampleFormat:
    """How samples lie in a file.

    Attributes:
        missing: The value that marks a sample as missing, the lowest one that fits; None where there is none.
        block_bytes: Bytes of the smallest whole number of samples; 0 where the file is compressed.
        block_samples: Samples in those.
    """

    missing: int | None
    block_bytes: int = 0
    block_samples: int = 1


FORMATS = {
    8: SampleFormat(None, 1),
    16: SampleFormat(-(2**15), 2),
    24: SampleFormat(-(2**23), 3),
    32: SampleFormat(-(2**31), 4),
    61: SampleFormat(-(2**15), 2),
    80: SampleFormat(-(2**7), 1),
    160: SampleFormat(-(2**15), 2),
    212: SampleFormat(-(2**11), 3, 2),
    310: SampleFormat(-(2**9), 4, 3),
    311: SampleFormat(-(2**9), 4, 3),
    508: SampleFormat(-(2**7)),
    516: SampleFormat(-(2**15)),
    524: SampleFormat(-(2**23)),
}


def missing_value(signal: SignalInfo) -> int | None:
    """The ADC value by which `signal` marks a missing sample."""
    return FORMATS[signal.format].missing


def slots_of(signals: Sequence[SignalInfo]) -> int:
    """Samples of all `signals` in one frame."""
    return sum(signal.frame_samples for signal in signals)


def check_formats(file_name: str, signals: Sequence[SignalInfo]) -> None:
    """Raise `DataError` where there is nothing to read, or a format that no one knows."""
    if not signals or any(signal.format == 0 for signal in signals):
        raise DataError(file_name, "has no samples.")
    unknown = [signal.format for signal in signals if signal.format not in FORMATS]
    if unknown:
        raise DataError(file_name, f"has sample format {unknown[0]}; known are {', '.join(map(str, FORMATS))}.")


def frames_in(num_bytes: int, signals: Sequence[SignalInfo]) -> int:
    """Frames that fit into `num_bytes` of a file that `signals` share."""
    form = FORMATS[signals[0].format]
    return max(num_bytes, 0) * form.block_samples // form.block_bytes // slots_of(signals)


def stored_bytes(file_name: str, num_bytes: int, signals: Sequence[SignalInfo], num_frames: int) -> int:
    """Bytes that `num_frames` frames of `signals` take; raises `DataError` where the file has fewer or more.

    The last block may be whole or as short as its samples allow, since writers differ in that.
    """
    form = FORMATS[signals[0].format]
    num_values = num_frames * slots_of(signals)
    least = -(-num_values * form.block_bytes // form.block_samples)
    most = -(-num_values // form.block_samples) * form.block_bytes
    if not least <= num_bytes <= most:
        raise DataError(
            file_name,
            f"has {num_bytes} bytes of samples; {num_frames} samples of {len(signals)} signals take {least}.",
            "Fetch the file again, with its header.",
        )
    return least
