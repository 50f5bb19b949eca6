"""A layer that draws the leads of an ECG as one image, as paper shows them."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasmed.errors import ConfigError


@keras.saving.register_keras_serializable(package="kerasmed")
class DrawLeads(layers.Layer):
    """Black lines on white, one cell for each lead; the same signal gives the same image on every backend.

    Leads fill the cells column by column, and column j shows the j-th part of the time, as a printed ECG does. A line
    covers in each column of pixels what its signal passes there, so that neighbouring samples are joined, and fades
    over one pixel at its edges. All pixels are computed at once.

    Args:
        size_px: Height and width of the image.
        columns: Columns of cells.
        range_mv: A cell shows -range_mv .. range_mv; what lies beyond runs along its edge.
    """

    def __init__(self, size_px: int, columns: int, range_mv: float, **options: Any) -> None:
        super().__init__(**options)
        self.size_px, self.columns, self.range_mv = size_px, columns, range_mv

    def call(self, signal_mv: Any) -> Any:
        """Float (batch, size_px, size_px, 3) from -1, black, to 1, white, of signals (batch, time, leads)."""
        rows, columns = layout(self.columns, signal_mv.shape[-1])
        height, width, length = self.size_px // rows, self.size_px // columns, signal_mv.shape[1] // columns
        cells = []
        for column in range(columns):
            part = signal_mv[:, column * length : (column + 1) * length, column * rows : (column + 1) * rows]
            ink = self._lines(part, height, width)  # (batch, leads here * height, width)
            cells.append(ops.pad(ink, ((0, 0), (0, self.size_px - ink.shape[1]), (0, 0))))
        image = ops.pad(ops.concatenate(cells, axis=-1), ((0, 0), (0, 0), (0, self.size_px - columns * width)))
        return ops.repeat(1.0 - 2.0 * image[..., None], 3, axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Of the image."""
        return (shape[0], self.size_px, self.size_px, 3)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        own = {"size_px": self.size_px, "columns": self.columns, "range_mv": self.range_mv}
        return {**super().get_config(), **own}

    def _lines(self, part: Any, height: int, width: int) -> Any:
        """Ink from 0 to 1, (batch, leads * height, width), of the signals (batch, time, leads) of one column."""
        num_leads = part.shape[-1]
        per_mv = (height - 1) / (2 * self.range_mv)
        row = ops.clip((self.range_mv - part) * per_mv, 0.0, height - 1.0)  # 0 is the top
        lowest, highest = (ops.transpose(ends, (0, 2, 1))[:, :, None, :] for ends in _passed(row, width))
        rows = ops.convert_to_tensor(np.arange(height, dtype=np.float32)[:, None], dtype=part.dtype)
        away = ops.maximum(ops.maximum(lowest - rows, rows - highest), 0.0)  # (batch, leads, height, width), pixels
        return ops.reshape(ops.maximum(1.0 - away, 0.0), (-1, num_leads * height, width))


def layout(columns: int, num_leads: int) -> tuple[int, int]:
    """Rows and columns of cells for so many leads."""
    columns = min(columns, num_leads)
    return math.ceil(num_leads / columns), columns


def require_room(size_px: int, columns: int, num_samples: int, num_leads: int) -> None:
    """Raise `ConfigError` where a cell would have less than two pixels, or show less than two samples."""
    rows, columns = layout(columns, num_leads)
    if min(size_px // rows, size_px // columns, num_samples // columns) < 2:
        raise ConfigError(
            f"model.columns: {rows} x {columns} leads of {num_samples} samples cannot be drawn on {size_px} x "
            f"{size_px} pixels; choose other columns or a larger model.image_px."
        )


def _passed(row: Any, width: int) -> tuple[Any, Any]:
    """The least and the greatest value in each of `width` columns of pixels, both (batch, width, leads).

    Args:
        row: (batch, time, leads).
        width: Columns of pixels.
    """
    length, num_leads = row.shape[1:]
    place = _looked_at(length, width)
    before = np.minimum(np.floor(place).astype(np.int32), length - 2).reshape(-1)
    share = ops.convert_to_tensor((place.reshape(-1) - before).astype(np.float32)[:, None], dtype=row.dtype)
    at, after = (ops.take(row, ops.convert_to_tensor(found, "int32"), axis=1) for found in (before, before + 1))
    points = ops.reshape(at + share * (after - at), (-1, width, place.shape[1], num_leads))
    return ops.min(points, axis=2), ops.max(points, axis=2)


def _looked_at(length: int, width: int) -> np.ndarray:
    """float64 (width, n): for each column of pixels its two ends, which its neighbours share, and the samples between.

    Where fewer than n - 2 samples lie in a column, its end stands in for the others.
    """
    step = (length - 1) / width
    start = step * np.arange(width)[:, None]
    between = np.ceil(start) + np.arange(int(step) + 1)
    return np.concatenate([start, np.clip(between, start, start + step), start + step], axis=1)
