"""Grad-CAM: where in a signal, a picture or a volume a network found what it answers.

Selvaraju et al., arXiv:1610.02391: the channels of the last feature map that still lies in space, each weighted by the
mean gradient of what is explained with respect to it, added up, and what speaks against the answer set to 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.config.run import Crops
from kerasmed.errors import ContractError
from kerasmed.models.gradient import gradient
from kerasmed.models.windows import cuts_of
from kerasmed.spec import ExampleSpec, TargetSpec

Array = np.ndarray
BATCH_SIZE = 8


@dataclass(frozen=True)
class SplitModel:
    """A network cut at its last feature map.

    Attributes:
        before: From inputs by name to the map (batch, *space, channels).
        after: From the map and then the inputs, in the order of `names`, to logits.
        names: Of the inputs.
    """

    before: keras.Model
    after: keras.Model
    names: tuple[str, ...]


def grad_cam(
    model: keras.Model, spec: ExampleSpec, inputs: Mapping[str, Array], classes: Array, crops: Crops | None = None
) -> Array:
    """float32 (n, *space) in 0..1: how much each place of the main input speaks for a class; 1 is the most.

    Args:
        model: From physical values to logits; of whole records where the run reads windows.
        spec: Of the examples.
        inputs: Physical values (n, *shape) by name.
        classes: int (n,), the class to explain of each example, of the only target.
        crops: How windows lie, where the network reads some; what they say of the same place is averaged.

    Raises:
        ContractError: The network has no feature map that lies in the space of its input.
    """
    cuts = cuts_of(spec, crops) if crops is not None else {}
    if not cuts:
        return _scaled(_maps(model, spec, inputs, classes))
    network = next(each for each in model.operations if isinstance(each, keras.Model))
    cut = cuts[main_input(spec)]
    added = np.zeros((len(classes), *inputs[main_input(spec)].shape[1:-1]), np.float32)
    times = np.zeros_like(added)
    for start in cut.starts:
        place = slice(start, start + cut.length)
        window = {name: values[:, place] if name in cuts else values for name, values in inputs.items()}
        added[:, place] += _maps(network, spec, window, classes)
        times[:, place] += 1
    return _scaled(added / times)


def main_input(spec: ExampleSpec) -> str:
    """The input that lies in space: the first with an axis besides its channels."""
    return next(name for name, array in spec.inputs.items() if len(array.shape) > 1)


def split_at_map(model: keras.Model, name: str, target: str) -> SplitModel:
    """Cut a network at its last feature map: the last tensor that all paths from input to logits pass, in its space.

    Args:
        model: From inputs to logits, by name.
        name: The input that lies in space.
        target: Whose logits.

    Raises:
        ContractError: There is none: the network leaves the space of its input at once, as one that draws signals does.
    """
    sources = {tensor.name: tensor for tensor in model.inputs}
    found = _last_map(model, sources[name], model.output[target])
    if found is None:
        raise ContractError(f"{model.name} has no feature map in the space of its input; Grad-CAM cannot explain it.")
    return SplitModel(
        before=keras.Model(sources, found),
        after=keras.Model([found, *sources.values()], model.output[target]),
        names=tuple(sources),
    )


def _last_map(model: keras.Model, source: Any, logits: Any) -> Any:
    operations = [each for each in model.operations if not isinstance(each, keras.layers.InputLayer)]
    # Ways from the input to each tensor, and on to the logits: where both multiplied are all ways, all pass through it.
    ways, onward = {id(source): 1}, {id(logits): 1}
    for each in operations:
        came = sum(ways.get(id(tensor), 0) for tensor in _flat(each.input))
        ways |= {id(tensor): came for tensor in _flat(each.output)}
    for each in reversed(operations):
        goes = sum(onward.get(id(tensor), 0) for tensor in _flat(each.output))
        for tensor in _flat(each.input):
            onward[id(tensor)] = onward.get(id(tensor), 0) + goes
    passed = [
        tensor for each in operations for tensor in _flat(each.output)
        if ways[id(tensor)] * onward.get(id(tensor), 0) == ways[id(logits)] > 0
    ]  # fmt: skip
    found = None
    for tensor in passed:
        if len(tensor.shape) != len(source.shape):
            break
        found = tensor if any(size != 1 for size in tensor.shape[1:-1]) else found
    return found


def _flat(tensors: Any) -> list[Any]:
    return list(keras.tree.flatten(tensors))


def _maps(model: keras.Model, spec: ExampleSpec, inputs: Mapping[str, Array], classes: Array) -> Array:
    """float32 (n, *space), not yet scaled, in the resolution of the main input."""
    (target,) = spec.targets
    name = main_input(spec)
    split = split_at_map(model, name, target)
    chosen = contrasts(spec.targets[target])[classes]
    physical = {key: values.astype(np.float32) for key, values in inputs.items()}
    activations = split.before.predict(physical, batch_size=BATCH_SIZE, verbose=0)
    parts = []
    for start in range(0, len(classes), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        others = [ops.convert_to_tensor(physical[key][rows]) for key in split.names]
        parts.append(
            _map_of_batch(split, ops.convert_to_tensor(activations[rows]), others, ops.convert_to_tensor(chosen[rows]))
        )
    return resized(np.concatenate(parts), inputs[name].shape[1:-1])


def contrasts(target: TargetSpec) -> Array:
    """float32 (num_classes, num_classes): by class what is explained, as weights of the logits.

    Of several labels a logit of its own. Of one class of several its logit less the mean of the others: what decides is
    how far they are apart, and a lone logit may be flat where the others fall.
    """
    own = np.eye(len(target.classes), dtype=np.float32)
    if target.task == "multi_label" or len(own) == 1:
        return own
    return np.asarray(own - (1 - own) / (len(own) - 1), np.float32)


def _map_of_batch(split: SplitModel, activations: Any, others: Sequence[Any], chosen: Any) -> Array:
    slopes = gradient(lambda x: split.after([x, *others], training=False) * chosen, activations)
    space = tuple(range(1, len(activations.shape) - 1))
    weights = ops.mean(ops.cast(slopes, "float32"), axis=space, keepdims=True)
    summed = ops.relu(ops.sum(ops.cast(activations, "float32") * weights, axis=-1))
    return np.asarray(ops.convert_to_numpy(summed), np.float32)


def resized(maps: Array, shape: tuple[int, ...]) -> Array:
    """`maps` (n, *space) linearly interpolated to (n, *shape), axis by axis; cells keep their middles."""
    for axis, size in enumerate(shape, start=1):
        count = maps.shape[axis]
        middles = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        low = np.floor(middles).astype(np.int64)
        share = (middles - low).reshape([-1 if each == axis else 1 for each in range(maps.ndim)])
        high = np.minimum(low + 1, count - 1)
        maps = np.take(maps, low, axis=axis) * (1 - share) + np.take(maps, high, axis=axis) * share
    return maps.astype(np.float32)


def _scaled(maps: Array) -> Array:
    """Each divided by its highest value; 0 where nothing speaks for the class."""
    highest = maps.max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    return np.asarray(maps / np.where(highest > 0, highest, 1.0), np.float32)
