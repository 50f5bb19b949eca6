"""Volumes as a model sees them: training and prediction make them here, and nowhere else."""

import numpy as np

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.records import Array, VolumeRecord
from kerasmed.errors import DataError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

KIND = "volumes"
DTYPES = {8: "uint8", 16: "uint16"}
PERCENTILES = (0.5, 99.5)
VOXEL = "voxel_mm"  # of an example, in the recipe of a spec; null: not known
AXES = {"depth": 0, "height": 1, "width": 2}
MAX_EDGE = 2048


def volume_spec(
    settings: VolumeExamples, classes: tuple[str, ...], voxel_mm: tuple[float, float, float] | None = None
) -> ExampleSpec:
    """One grey volume from 0 (black) to 1, the class asked of it, and the edges of its voxel where they are known."""
    volume = ArraySpec((*settings.shape, 1), DTYPES[settings.bits], 1 / (2**settings.bits - 1), "1", channels=("grey",))
    return ExampleSpec(
        {"volume": volume},
        {"label": TargetSpec("single_label", classes)},
        {"kind": KIND, **settings.model_dump(mode="json"), VOXEL: None if voxel_mm is None else list(voxel_mm)},
    )


def voxel_of(
    settings: VolumeExamples, shape: tuple[int, ...], spacing_mm: tuple[float, float, float] | None = None
) -> tuple[float, float, float] | None:
    """Edges of the voxel of an example that is made of a volume of `shape`, rounded to 1 um; None: not known."""
    if settings.spacing_mm is not None:
        return settings.spacing_mm
    own = spacing_mm or settings.file_spacing_mm
    if own is None:
        return None
    depth, height, width = (
        round(edge * before / after, 3) for edge, before, after in zip(own, shape, settings.shape, strict=True)
    )
    return depth, height, width


def settings_of(spec: ExampleSpec) -> VolumeExamples:
    """How the examples of a spec were made; a `ValidationError` where this version cannot make them."""
    return VolumeExamples.model_validate({name: value for name, value in spec.settings.items() if name != VOXEL})


def volume_example(record: VolumeRecord, settings: VolumeExamples) -> Array:
    """uint8 or uint16 (depth, height, width, 1): the input "volume" of `volume_spec`.

    Args:
        record: The volume, of any integer or float type.
        settings: How large it will be, what becomes black and white, and whether left ones are mirrored.

    Raises:
        DataError: A value is missing or infinite, all are equal, the type has no ends to scale between, or it is to be
            resampled and does not say how large its voxels are.
    """
    voxels = record.voxels
    if settings.mirror_left is not None and record.left:
        voxels = np.flip(voxels, AXES[settings.mirror_left])
    low, high = _ends(record.record_id, voxels, settings)
    clipped = np.clip(voxels.astype(np.float32), low, high)
    if settings.spacing_mm is None:
        scaled = resized(clipped, settings.shape)
    else:
        scaled = fitted(_resampled(record, clipped, settings), settings.shape, low)
    largest = 2**settings.bits - 1
    steps = np.rint((scaled - np.float32(low)) * np.float32(largest / (high - low)))
    stored: Array = np.clip(steps, 0, largest).astype(DTYPES[settings.bits])[..., None]
    return stored


def fitted(voxels: Array, shape: tuple[int, int, int], fill: float) -> Array:
    """`voxels` around their middle: cut where they are longer than `shape`, `fill` around them where shorter."""
    result = np.full(shape, fill, voxels.dtype)
    cut, into = [], []
    for before, after in zip(voxels.shape, shape, strict=True):
        count = min(before, after)
        cut.append(slice((before - count) // 2, (before - count) // 2 + count))
        into.append(slice((after - count) // 2, (after - count) // 2 + count))
    result[tuple(into)] = voxels[tuple(cut)]
    return result


def _resampled(record: VolumeRecord, voxels: Array, settings: VolumeExamples) -> Array:
    spacing = record.spacing_mm
    if spacing is None or settings.spacing_mm is None:
        raise DataError(
            record.record_id, "does not say how large its voxels are.", "Write dataset.examples.file_spacing_mm."
        )
    sizes = [
        max(1, round(size * own / wanted))
        for size, own, wanted in zip(voxels.shape, spacing, settings.spacing_mm, strict=True)
    ]
    if max(sizes) > MAX_EDGE:
        raise DataError(record.record_id, f"would be resampled to {sizes} voxels.", "Write larger spacing_mm.")
    return resized(voxels, (sizes[0], sizes[1], sizes[2]))


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
