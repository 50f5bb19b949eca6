"""`.npy` files of beats that others cut: checked by their header first, fitted to the model or refused."""

import math
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import ContractError, DataError
from kerasmed.spec import ArraySpec, ExampleSpec

MAX_BYTES = 4 * 1024**3
# A signal of the skin reaches a few millivolts; more is a number of converter steps, of which the file tells no size.
LARGEST_MV = 20.0
UNITS = ("1", "mV")  # any other unit is worked out from a whole record
HEADERS: dict[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_beat_array(path: Path, spec: ExampleSpec) -> tuple[Array, tuple[str, ...]]:
    """Beats of a `.npy` file as the model's only input.

    Args:
        path: Shaped (n, length), (n, 1, length), (1, 1, length) or, as the model has it, (n, length, 1).
        spec: Of a model whose only input is a signal of one channel.

    Returns:
        float32 (n, length, 1), physical values, and what was done to them.

    Raises:
        DataError: The file is damaged, holds no numbers, or holds missing or impossible values.
        ContractError: The model reads something else.
    """
    name, signal = _only_signal(spec)
    length = signal.shape[0]
    stored = _open(path)
    if stored.shape[1:] not in ((length,), (1, length), (length, 1)):
        raise ContractError(
            f"{path.name}: shape {stored.shape} does not fit the model, whose input {name!r} takes "
            f"(n, {length}) or (n, 1, {length})" + (f" at {signal.rate_hz:g} Hz." if signal.rate_hz else ".")
        )
    beats = stored.reshape(len(stored), -1, 1).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(beats).all(axis=(1, 2)))
    if len(bad):
        raise DataError(path.name, f"{len(bad)} of {len(beats)} beats hold NaN or infinity, the first is row {bad[0]}.")
    return _in_unit(path.name, beats, stored.dtype, signal)


def _only_signal(spec: ExampleSpec) -> tuple[str, ArraySpec]:
    signals = list(spec.inputs.items())
    if (
        len(signals) == 1
        and len(signals[0][1].shape) == 2
        and signals[0][1].shape[1] == 1
        and signals[0][1].unit in UNITS
    ):
        return signals[0]
    wanted = ", ".join(f"{name} {array.shape} in {array.unit}" for name, array in signals)
    raise ContractError(
        f"the model reads {wanted} of a beat, which a .npy file does not hold; give it a WFDB record (.hea)."
    )


def _open(path: Path) -> Array:
    """The array in the file, mapped into memory after its header has been held against the file's size."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version not in HEADERS:
                raise DataError(path.name, f"is a .npy file of version {version}; numbers are stored in 1.0 or 2.0.")
            shape, _, dtype = HEADERS[version](file)
            offset = file.tell()
    except (OSError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise DataError(path.name, f"is no .npy file ({str(error).splitlines()[0][:120]}).") from error
    _check_header(path, shape, dtype, offset)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _check_header(path: Path, shape: tuple[int, ...], dtype: np.dtype, offset: int) -> None:
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise DataError(path.name, f"holds {dtype}, not real numbers of at most 8 bytes.")
    if len(shape) not in (2, 3) or min(shape, default=0) < 1:
        raise DataError(path.name, f"has shape {shape}; beats are (n, length) or (n, 1, length) with n > 0.")
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > MAX_BYTES:
        raise DataError(path.name, f"declares {num_bytes} bytes, more than {MAX_BYTES}.", "Split it.")
    if num_bytes != path.stat().st_size - offset:
        raise DataError(path.name, f"declares {num_bytes} bytes of numbers but holds {path.stat().st_size - offset}.")


def _in_unit(name: str, beats: Array, stored: np.dtype, signal: ArraySpec) -> tuple[Array, tuple[str, ...]]:
    low, high = float(beats.min()), float(beats.max())
    if signal.unit == "1":
        if low >= 0 and high <= 1:
            return beats, ("values are between 0 and 1, as the model reads them",)
        least, span = beats.min(axis=1, keepdims=True), np.ptp(beats, axis=1, keepdims=True)
        scaled = (beats - least) / np.where(span > 0, span, 1)
        return scaled, (f"values from {low:g} to {high:g} were scaled beat by beat to 0..1, as the model reads them",)
    if stored.kind != "f" or max(-low, high) > LARGEST_MV:
        raise ContractError(
            f"{name}: {stored} values {low:g} .. {high:g} are no {signal.unit}, which the model reads; convert them."
        )
    return beats, (f"values were taken as {signal.unit}",)
