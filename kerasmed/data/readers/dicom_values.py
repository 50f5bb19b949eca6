"""From stored values of a DICOM file to what a viewer would show: rescale, window, MONOCHROME1."""

from typing import Any

import numpy as np

from kerasmed.data.readers.grey import FEWER_BITS, used_bits
from kerasmed.data.records import Array
from kerasmed.errors import DataError

MAX_LUT_ENTRIES = 65536


def to_display(dataset: Any, stored: Array, name: str, window: str) -> tuple[Array, tuple[str, ...]]:
    """What is shown of stored values, over the whole range of the type.

    Args:
        dataset: The attributes of the file.
        stored: int (height, width) as decoded; it is not changed.
        name: Of the record.
        window: "file" or "full".

    Returns:
        uint8 where BitsStored is at most 8, else uint16, of the same shape, brighter for denser; and what was done.

    Raises:
        DataError: A slope of 0, a window of no width, a look-up table that does not fit.
    """
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    padding = padding_of(dataset, stored)
    if not signed:
        stored = stored & np.array(2**bits - 1, stored.dtype)  # old files keep overlays in the bits above
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    notes: tuple[str, ...] = ()
    if bits == 16 and not signed and not _has_scale(dataset, window):
        used = used_bits(stored[~padding])
        high = 2**used - 1
        notes = (FEWER_BITS.format(used),) if used < bits else ()
    table, said = _display_table(dataset, (low, high), name, window)
    places = np.clip(stored.astype(np.int32) - low, 0, high - low)
    pixels = table[places]
    pixels[padding] = 0
    return pixels, notes + said


def _display_table(dataset: Any, limits: tuple[int, int], name: str, window: str) -> tuple[Array, tuple[str, ...]]:
    """What is shown for each value from the least to the largest that can be stored, and what was done."""
    bits = int(dataset.BitsStored)
    values, (low, high), notes = modality(dataset, np.arange(limits[0], limits[1] + 1), limits, name)
    shares, said = _shown(dataset, values, (low, high), name, window)
    notes += said
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shares = 1.0 - shares
        notes += ("MONOCHROME1: turned over, so that denser is brighter",)
    largest = 255 if bits <= 8 else 65535
    return np.rint(shares * largest).astype(np.uint8 if bits <= 8 else np.uint16), notes


def _has_scale(dataset: Any, window: str) -> bool:
    """Whether the file says which of its values are shown, or looks them up in a table."""
    windowed_by_file = window == "file" and (dataset.get("WindowWidth") is not None or dataset.get("VOILUTSequence"))
    return bool(windowed_by_file or dataset.get("ModalityLUTSequence"))


def padding_of(dataset: Any, stored: Array) -> Array:
    """Where nothing was measured."""
    value = dataset.get("PixelPaddingValue")
    if isinstance(value, bytes):
        value = int.from_bytes(value, "little")
    return np.zeros(stored.shape, bool) if value is None else np.asarray(stored == int(value))


def modality(
    dataset: Any, stored: Array, limits: tuple[int, int], name: str
) -> tuple[Array, tuple[float, float], tuple[str, ...]]:
    """float64 values after the modality LUT or rescale, the least and largest there can be, and what was done."""
    if dataset.get("ModalityLUTSequence"):
        table, first, bits = _table(dataset.ModalityLUTSequence[0], name)
        return _looked_up(stored, table, first), (0, 2**bits - 1), ("the file's modality LUT was applied",)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is None and intercept is None:
        return stored.astype(np.float64), limits, ()
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    if not np.isfinite(slope) or slope == 0 or not np.isfinite(intercept):
        raise DataError(name, "has a rescale slope of 0 or one that is no number.")
    low, high = sorted(limit * slope + intercept for limit in limits)
    said = () if (slope, intercept) == (1, 0) else (f"rescaled by {slope:g} x + {intercept:g}",)
    return stored * slope + intercept, (low, high), said


def _shown(
    dataset: Any, values: Array, limits: tuple[float, float], name: str, window: str
) -> tuple[Array, tuple[str, ...]]:
    """float64 in 0..1 after the VOI LUT or the window, and what was done."""
    if window == "file" and dataset.get("VOILUTSequence"):
        table, first, bits = _table(dataset.VOILUTSequence[0], name)
        return _looked_up(values, table, first) / (2**bits - 1), ("the file's VOI LUT was applied",)
    if window == "file" and dataset.get("WindowWidth") is not None and dataset.get("WindowCenter") is not None:
        centre, width = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
        function = str(dataset.get("VOILUTFunction") or "LINEAR")
        said = f"window of the file, centre {centre:g}, width {width:g}"
        return windowed(values, centre, width, function, name), (said,)
    low, high = limits
    return np.clip((values - low) / (high - low), 0.0, 1.0), ()


def windowed(values: Array, centre: float, width: float, function: str, name: str) -> Array:
    """float64 in 0..1 by the window functions of PS3.3 C.11.2.1.2 and C.11.2.1.3.

    Raises:
        DataError: A width that the function cannot have, or an unknown function.
    """
    if not np.isfinite(centre) or not np.isfinite(width) or width < (1 if function == "LINEAR" else 1e-9):
        raise DataError(name, f"has a window of width {width:g}.", "Set dataset.examples.window=full.")
    if function == "LINEAR":
        if width == 1:
            return np.asarray(values > centre - 0.5, np.float64)
        return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))))
    raise DataError(name, "has a VOI LUT function that is not in the standard.", "Set dataset.examples.window=full.")


def _first(value: Any) -> float:
    """A number, or the first of several: further windows are alternatives for other purposes."""
    return float(value if isinstance(value, int | float) or not hasattr(value, "__getitem__") else value[0])


def _table(item: Any, name: str) -> tuple[Array, int, int]:
    """Entries of a look-up table, the value that the first is for, and the bits of an entry (PS3.3 C.11.1.1)."""
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count or MAX_LUT_ENTRIES
    data = item.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
    table = np.asarray(data, np.float64).ravel()
    if not 1 <= count <= MAX_LUT_ENTRIES or len(table) < count or not 8 <= bits <= 16:
        raise DataError(name, f"has a look-up table of {len(table)} entries of {bits} bits instead of {count}.")
    return np.clip(table[:count], 0, 2**bits - 1), first, bits


def _looked_up(values: Array, table: Array, first: int) -> Array:
    places = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return table[places]
