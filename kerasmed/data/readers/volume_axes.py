"""Which way the axes of a volume lie in the patient, and how it is turned to a plane."""

from itertools import permutations
from typing import Literal

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError

Plane = Literal["axial", "coronal", "sagittal"]
Spacing = tuple[float, float, float]
# Depth, height and width of each plane as directions of DICOM: 0 to the patient's left, 1 to the back, 2 to the head.
# Slices are seen as radiologists hang them: head or front up; axial and coronal ones with the right side at the left.
PLANES: dict[Plane, tuple[tuple[int, int], ...]] = {
    "axial": ((2, 1), (1, 1), (0, 1)),
    "coronal": ((1, 1), (2, -1), (0, 1)),
    "sagittal": ((0, 1), (2, -1), (1, 1)),
}


def turned(name: str, voxels: Array, steps_mm: Array, plane: Plane) -> tuple[Array, Spacing]:
    """A view of the volume with its axes along those of `plane`, and the edges of a voxel (depth, height, width).

    Args:
        name: Of the volume, for messages.
        voxels: Of three axes, stored in any order and direction.
        steps_mm: (3, 3); column i is how far a step along axis i goes, in mm to the left, to the back and to the head.
        plane: Where the slices are to lie. Oblique axes count as the nearest ones.

    Raises:
        DataError: The steps span no space.
    """
    edges = np.linalg.norm(steps_mm, axis=0)
    if not np.isfinite(steps_mm).all() or edges.min() <= 0:
        raise DataError(name, "says nothing useful about the size of its voxels.", "Mend its header.")
    directions = steps_mm / edges
    if abs(np.linalg.det(directions)) < 1e-3:
        raise DataError(name, "has two axes of one direction.", "Mend its header.")
    # order[direction] is the axis that goes that way, or the opposite one.
    order = max(
        permutations(range(3)), key=lambda axes: sum(abs(directions[way, axis]) for way, axis in enumerate(axes))
    )
    axes = [order[way] for way, _ in PLANES[plane]]
    ahead = [int(np.sign(directions[way, axis])) for (way, _), axis in zip(PLANES[plane], axes, strict=True)]
    view = np.transpose(voxels, axes)
    against = [place for place, (_, sign) in enumerate(PLANES[plane]) if sign != ahead[place]]
    depth, height, width = (float(edges[axis]) for axis in axes)
    return np.flip(view, tuple(against)), (depth, height, width)
