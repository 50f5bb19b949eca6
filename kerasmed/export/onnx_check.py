"""An ONNX graph, held against what a model of kerasmed may be, before onnxruntime reads it."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from kerasmed.errors import ContractError

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_NODES = 100_000
BYTES_PER_VALUE = 4


def require_safe_graph(name: str, proto: Any, max_bytes: int) -> None:
    """Refuse a graph that points at other files, needs code of its own, or declares too much.

    Args:
        name: Of the file, for the message.
        proto: `onnx.ModelProto`.
        max_bytes: Of all constants together, and of any one tensor of one example.

    Raises:
        ContractError: It does.
    """
    import onnx

    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(proto.graph)):
        raise ContractError(f"{name}: keeps weights in other files, which is refused; kerasmed writes one file.")
    graphs = list(_graphs(proto.graph))
    nodes = [node for graph in graphs for node in graph.node]
    foreign = {entry.domain for entry in (*proto.opset_import, *nodes)} - STANDARD_DOMAINS
    if foreign or proto.functions:
        named = ", ".join(sorted(foreign)) or "functions of its own"
        raise ContractError(f"{name}: needs custom operators ({named}), which is refused.")
    if len(nodes) > MAX_NODES:
        raise ContractError(f"{name}: has more than {MAX_NODES} operators; refused.")
    _require_constants(name, proto.graph, max_bytes)
    for value in (value for graph in graphs for value in (*graph.input, *graph.output, *graph.value_info)):
        sizes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        if math.prod(max(size, 1) for size in sizes) * BYTES_PER_VALUE > max_bytes:
            raise ContractError(f"{name}: declares a tensor of shape {sizes}, more than {max_bytes} bytes; refused.")


def _require_constants(name: str, graph: Any, max_bytes: int) -> None:
    """Constants that declare what they hold, and no more than `max_bytes` together."""
    declared = 0
    for tensor in _tensors(graph):
        values = math.prod(tensor.dims)
        declared += values * BYTES_PER_VALUE
        held = len(tensor.raw_data) or sum(len(field) for field in _typed(tensor))
        if any(size < 0 for size in tensor.dims) or (tensor.dims and values > 2 * held):  # two 4-bit numbers a byte
            raise ContractError(f"{name}: a constant declares shape {list(tensor.dims)} and does not hold it; refused.")
        if declared > max_bytes:
            raise ContractError(f"{name}: declares more than {max_bytes} bytes of constants; refused.")


def _typed(tensor: Any) -> Iterable[Any]:
    return (
        tensor.float_data, tensor.int32_data, tensor.string_data, tensor.int64_data, tensor.double_data,
        tensor.uint64_data,
    )  # fmt: skip


def _graphs(graph: Any) -> Iterator[Any]:
    """`graph` and every graph inside its nodes (branches, bodies of loops)."""
    waiting = [graph]
    while waiting:
        inner = waiting.pop()
        yield inner
        for node in inner.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs


def _tensors(graph: Any) -> Iterator[Any]:
    """Every constant of the graph and of the graphs inside its nodes."""
    for inner in _graphs(graph):
        yield from inner.initializer
        for sparse in inner.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in inner.node:
            for attribute in node.attribute:
                yield from attribute.tensors
                if attribute.HasField("t"):
                    yield attribute.t
                if attribute.HasField("sparse_tensor"):
                    yield attribute.sparse_tensor.values
