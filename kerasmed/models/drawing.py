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

    def build(self, shape: tuple[Any, ...]) -> None:
        """For signals of one shape; nothing is learned. In a traced graph the axes of a tensor are no numbers."""
        self.num_samples, self.num_leads = shape[1:]

    def call(self, signal_mv: Any) -> Any:
        """Image (batch, size_px, size_px, 3) from -1, black, to 1, white, of signals (batch, time, leads)."""
        rows, columns = layout(self.columns, self.num_leads)
        height, width, length = self.size_px // rows, self.size_px // columns, self.num_samples // columns
        cells = []
        for column in range(columns):
            first, last = column * rows, min((column + 1) * rows, self.num_leads)
            part = signal_mv[:, column * length : (column + 1) * length, first:last]
            row = (self.range_mv - part) * ((height - 1) / (2 * self.range_mv))  # 0 is the top of the cell
            ends = _passed(ops.clip(row, 0.0, height - 1.0), (length, last - first), width)
            ink = ops.reshape(_ink(*ends, height), (-1, (last - first) * height, width))
            cells.append(ops.pad(ink, ((0, 0), (0, self.size_px - (last - first) * height), (0, 0))))
        image = ops.pad(ops.concatenate(cells, axis=-1), ((0, 0), (0, 0), (0, self.size_px - columns * width)))
        return ops.repeat(1.0 - 2.0 * image[..., None], 3, axis=-1)

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Of the image."""
        return (shape[0], self.size_px, self.size_px, 3)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        own = {"size_px": self.size_px, "columns": self.columns, "range_mv": self.range_mv}
        return {**super().get_config(), **own}


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


def _passed(row: Any, shape: tuple[int, int], width: int) -> tuple[Any, Any]:
    """The least and the greatest value in each of `width` columns of pixels, both (batch, leads, width).

    Args:
        row: (batch, time, leads).
        shape: Its (time, leads).
        width: Columns of pixels.
    """
    place = _looked_at(shape[0], width)
    before = np.minimum(np.floor(place).astype(np.int32), shape[0] - 2).reshape(-1)
    share = ops.convert_to_tensor((place.reshape(-1) - before).astype(np.float32)[:, None], dtype=row.dtype)
    at, after = (ops.take(row, ops.convert_to_tensor(found, "int32"), axis=1) for found in (before, before + 1))
    points = ops.reshape(at + share * (after - at), (-1, width, place.shape[1], shape[1]))
    return ops.transpose(ops.min(points, axis=2), (0, 2, 1)), ops.transpose(ops.max(points, axis=2), (0, 2, 1))


def _ink(least: Any, greatest: Any, height: int) -> Any:
    """0 to 1, (batch, leads, height, width), of what a line passes in each column of pixels, (batch, leads, width)."""
    rows = ops.convert_to_tensor(np.arange(height, dtype=np.float32)[:, None], dtype=least.dtype)
    away = ops.maximum(least[:, :, None] - rows, rows - greatest[:, :, None])  # pixels; below 0 within the line
    return ops.clip(1.0 - away, 0.0, 1.0)


def _looked_at(length: int, width: int) -> np.ndarray:
    """float64 (width, n): for each column of pixels its two ends, which its neighbours share, and the samples between.

    Where fewer than n - 2 samples lie in a column, its end stands in for the others.
    """
    step = (length - 1) / width
    start = step * np.arange(width)[:, None]
    between = np.ceil(start) + np.arange(int(step) + 1)
    return np.concatenate([start, np.clip(between, start, start + step), start + step], axis=1)
