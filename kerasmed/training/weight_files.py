"""Weights of an encoder out of files that keras wrote: `.keras`, `.weights.h5`, and the `.h5` of keras.applications.

Keras names a layer's weights in them by the layer's class and its place among the layers of that class, or, in the
older form, lists layers in order. What of a file belongs to which layer is told from that; nothing is built from it.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed.errors import OtherModelError
from kerasmed.training.layer_rates import depth_of

if TYPE_CHECKING:
    import keras

Array = np.ndarray
LISTED, NORMALIZATION = "layer_names", "normalization"


def start_from_file(model: "keras.Model", name: str, content: bytes, config: Mapping[str, Any] | None = None) -> int:
    """Give the encoder of `model` the weights in a file; everything else stays as it is.

    Args:
        model: A network with an encoder.
        name: Of the file, for messages.
        content: HDF5 that has been looked at (`export/weights_check.py`).
        config: Of the `.keras` file that it lay in; it names the layers.

    Returns:
        How many variables were set.

    Raises:
        OtherModelError: It holds no weights for the encoder, or those of another one.
    """
    import h5py

    encoder = [layer for layer in model.layers if layer.weights and depth_of(layer.name) is not None]
    with h5py.File(io.BytesIO(content), "r") as root:
        if LISTED in root.attrs:
            found = _listed(root, encoder)
        elif config is not None:
            found = _placed(root, encoder, _names_of(config))
        else:
            everything = [(layer.name, type(layer).__name__) for layer in model.layers]
            alone = [(layer.name, type(layer).__name__) for layer in model.layers if depth_of(layer.name) is not None]
            found = _placed(root, encoder, everything)
            if _misfit(encoder, found):
                found = _placed(root, encoder, alone)
    misfit = _misfit(encoder, found)
    if misfit:
        raise OtherModelError(
            name, f"has another encoder: {misfit}.", "Kind and size of the network must be those of the file."
        )
    for layer, arrays in zip(encoder, found, strict=True):
        layer.set_weights(arrays)
    return sum(map(len, found))


def _misfit(encoder: Sequence[Any], found: Sequence[Sequence[Array]]) -> str:
    """The first layer that has other shapes in the file, in words; "" where all fit."""
    for layer, arrays in zip(encoder, found, strict=True):
        shapes, wanted = [array.shape for array in arrays], [tuple(weight.shape) for weight in layer.weights]
        if shapes != wanted:
            there = "is missing" if not shapes else f"has {shapes}"
            return f"{layer.name} {there} there and has {wanted} here"
    return ""


def _listed(root: Any, encoder: Sequence[Any]) -> list[list[Array]]:
    """As keras reads them: layer by layer, in order. The constants of a `Normalization` are part of our graph."""
    names = [_text(name) for name in root.attrs[LISTED]]
    stored = []
    for name in names:
        held = [_text(weight) for weight in root[name].attrs["weight_names"]]
        if held and not name.startswith(NORMALIZATION):
            stored.append([np.asarray(root[name][weight]) for weight in held])
    return [*stored[: len(encoder)], *[[]] * (len(encoder) - len(stored))]


def _placed(root: Any, encoder: Sequence[Any], layers: Iterable[tuple[str, str]]) -> list[list[Array]]:
    places, counts = {}, dict[str, int]()
    for name, class_name in layers:
        snake = _snake(class_name)
        count = counts[snake] = counts.get(snake, -1) + 1
        places[name] = f"layers/{snake}_{count}/vars" if count else f"layers/{snake}/vars"
    return [_arrays(root, places.get(layer.name)) for layer in encoder]


def _arrays(root: Any, place: str | None) -> list[Array]:
    if place is None or place not in root:
        return []
    return [np.asarray(root[place][key]) for key in sorted(root[place], key=int)]


def _names_of(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and class of each layer."""
    layers = config.get("config", {}).get("layers", [])
    return [(str(layer.get("name")), str(layer.get("class_name"))) for layer in layers]


def _snake(class_name: str) -> str:
    """As keras writes the name of a class: BatchNormalization is batch_normalization, Conv2D is conv2d."""
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
