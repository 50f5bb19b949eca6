"""Volumes as a model sees them: training and prediction make them here, and nowhere else."""

import numpy as np

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.records import Array
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

KIND = "volumes"
DTYPES = {8: "uint8", 16: "uint16"}
PERCENTILES = (0.5, 99.5)


def volume_spec(settings: VolumeExamples, classes: tuple[str, ...]) -> ExampleSpec:
    """One grey volume from 0 (black) to 1, and the class asked of it."""
    volume = ArraySpec((*settings.shape, 1), DTYPES[settings.bits], 1 / (2**settings.bits - 1), "1", channels=("grey",))
    return ExampleSpec(
        {"volume": volume},
        {"label": TargetSpec("single_label", classes)},
        {"kind": KIND, **settings.model_dump(mode="json")},
    )


def volume_example(name: str, voxels: Array, settings: VolumeExamples) -> Array:
    """uint8 or uint16 (depth, height, width, 1): the input "volume" of `volume_spec`.

    Args:
        name: Of the volume, for messages.
        voxels: (depth, height, width) of any integer or float type.
        settings: How large it will be, and what becomes black and white.

    Raises:
        DataError: A value is missing or infinite, all are equal, or the type has no ends to scale between.
    """
    low, high = _ends(name, voxels, settings)
    scaled = resized(np.clip(voxels.astype(np.float32), low, high), settings.shape)
    largest = 2**settings.bits - 1
    steps = np.rint((scaled - np.float32(low)) * np.float32(largest / (high - low)))
    stored: Array = np.clip(steps, 0, largest).astype(DTYPES[settings.bits])[..., None]
    return stored


def resized(voxels: Array, shape: tuple[int, int, int]) -> Array:
    """float32 of `shape`: along each axis the mean of what a new voxel covers, or a line between two where it grows."""
    result = voxels.astype(np.float32, copy=False)
    for axis, size in enumerate(shape):
        if result.shape[axis] != size:
            weights = _weights(result.shape[axis], size)
            result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    return result


def _ends(name: str, voxels: Array, settings: VolumeExamples) -> tuple[float, float]:
    """The values that become 0 and 1."""
    if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        raise DataError(name, "holds values that are missing or infinite.", "Mend or remove the volume.")
    least, most = float(voxels.min()), float(voxels.max())
    if least == most:
        raise DataError(name, f"holds nothing but the value {least:g}.", "Mend or remove the volume.")
    if settings.intensity == "full":
        if voxels.dtype.kind not in "iu":
            raise DataError(
                name,
                f"is {voxels.dtype}, which has no ends.",
                "Write dataset.examples.intensity=min_max or percentiles.",
            )
        return float(np.iinfo(voxels.dtype).min), float(np.iinfo(voxels.dtype).max)
    if settings.intensity == "percentiles":
        low, high = (float(value) for value in np.percentile(voxels, PERCENTILES))
        if low < high:  # else nearly all of it is one value
            return low, high
    return least, most


def _weights(before: int, after: int) -> Array:
    """float32 (after, before); each row adds up to 1."""
    edges = np.linspace(0, before, after + 1)
    if after > before:
        middles = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, before - 1)
        distance = np.abs(middles[:, None] - np.arange(before))
        return np.maximum(0, 1 - distance).astype(np.float32)
    starts = np.arange(before)
    covered = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.maximum(0, covered) * (after / before)).astype(np.float32)
