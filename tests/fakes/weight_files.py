"""Files of weights as older keras wrote them for keras.applications."""

from pathlib import Path
from typing import Any

import numpy as np


def write_listed(path: Path, layers: list[tuple[str, list[Any]]]) -> Path:
    """An `.h5` file that lists layers in order, each with its weights."""
    import h5py

    with h5py.File(path, "w") as root:
        root.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, arrays in layers:
            group = root.create_group(name)
            names = [f"{name}/weight{place}:0" for place in range(len(arrays))]
            group.attrs["weight_names"] = [each.encode() for each in names]
            for each, array in zip(names, arrays, strict=True):
                group[each] = np.asarray(array)
    return path
