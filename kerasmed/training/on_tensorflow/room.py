"""Whether a traced step of TensorFlow finds the memory that it must have: asked before it runs.

The convolutions that TensorFlow takes from oneDNN do not look whether their answer found room (`MklConvOp` of 2.21):
what ends as an error everywhere else ends the process with SIGSEGV there (decision 0064).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

# Operations that answer with what they are given, those that only ask for its size, and what is there before a step.
_SAME_VALUES = {"EnsureShape", "ExpandDims", "Identity", "PreventGradient", "Reshape", "Squeeze", "StopGradient"}
_SIZES = {"Rank", "Shape", "ShapeN", "Size", "ZerosLike"}
_THERE_BEFORE = {"Const", "IteratorGetNext", "Placeholder", "ReadVariableOp"}
# Where `tf.GradientTape` puts what it adds to a graph.
_BACKWARD = "gradient_tape/"


def require_memory(step: Any) -> None:
    """Refuse a training step, a concrete function, whose gradients find no room in what this process may allocate.

    On a GPU it lies in other memory, and TensorFlow says itself when that ends.

    Raises:
        MemoryError: Less than `kept_bytes` is left.
    """
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        # Nothing is written to it, so it takes no memory.
        np.empty(kept_bytes(step.graph), np.uint8)


def kept_bytes(graph: Any) -> int:
    """Bytes that the way forward makes and the way back reads: all there at once, when the loss is known.

    What a step takes at most is more than that: the gradients come on top.
    """
    read = [op for op in _needed(graph) if op.name.startswith(_BACKWARD) and op.type not in _SIZES]
    sources = {_source(value).ref() for op in read for value in op.inputs}
    return sum(_size(source.deref()) for source in sources)


def _needed(graph: Any) -> Iterator[Any]:
    """Operations without which `graph` would have other results or effects."""
    waiting = [*(value.op for value in graph.outputs), *graph.control_outputs]
    seen = set(waiting)
    while waiting:
        op = waiting.pop()
        yield op
        before = {*(value.op for value in op.inputs), *op.control_inputs} - seen
        seen |= before
        waiting += before


def _source(value: Any) -> Any:
    while value.op.type in _SAME_VALUES:
        value = value.op.inputs[0]
    return value


def _size(value: Any) -> int:
    made_on_the_way_back = value.op.name.startswith(_BACKWARD)
    if made_on_the_way_back or value.op.type in _THERE_BEFORE or not value.shape.is_fully_defined():
        return 0
    return math.prod(value.shape) * int(value.dtype.size)
