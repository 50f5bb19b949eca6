"""SavedModel -> ONNX by tf2onnx. Runs in the export child, on TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.export.raw.describe import KEY, ONNX_FILE
from kerasmed.export.raw.describe import SIGNATURE as RAW_SIGNATURE
from kerasmed.export.saved_model import SIGNATURE
from kerasmed.export.written import Origin, refusals

OPSET = 17
BATCH_AXIS = "batch"


def write_onnx(origin: Origin, path: Path) -> None:
    """Write the graph of the SavedModel to `path`, checked, its batch axis named "batch"; its serving graph too.

    The detour by a SavedModel freezes constants of Normalization layers, which a direct conversion makes into graph
    inputs.

    Raises:
        ContractError: tf2onnx cannot convert the graph, or what it makes is no valid ONNX.
    """
    saved_model = origin.written["saved_model"]
    graph = _converted(saved_model, SIGNATURE)
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_AXIS
    _save(graph, origin.metadata, path)
    if origin.raw is not None:
        raw = _converted(saved_model, RAW_SIGNATURE)
        arrays = {**origin.raw.description["inputs"], **origin.raw.description["outputs"]}
        for value in (*raw.graph.input, *raw.graph.output):
            _name_axes(value, arrays[value.name]["shape"])
        _save(raw, {**origin.metadata, KEY: json.dumps(origin.raw.description)}, path.with_name(ONNX_FILE))


def _name_axes(value: Any, shape: list[int | str]) -> None:
    for axis, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        if isinstance(size, str):
            axis.dim_param = size
        else:
            axis.dim_value = size


def _save(graph: Any, metadata: Mapping[str, str], path: Path) -> None:
    import onnx

    onnx.helper.set_model_props(graph, dict(metadata))
    with refusals(path.name, onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        onnx.checker.check_model(graph, full_check=True)
    onnx.save_model(graph, path)


def _converted(saved_model: Path, signature: str) -> Any:
    with refusals("tf2onnx", ValueError, KeyError, RuntimeError, NotImplementedError):
        return _convert(saved_model, signature)


def _convert(saved_model: Path, signature: str) -> Any:
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    _register_erfc()
    frozen, inputs, outputs, names = tf_loader.from_saved_model(
        str(saved_model), None, None, tag=["serve"], signatures=[signature], return_tensors_to_rename=True
    )
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        converted = tfonnx.process_tf_graph(
            graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=names
        )
    return optimizer.optimize_graph(converted).make_model("kerasmed")


def _register_erfc() -> None:
    """Teach tf2onnx 1.17 the complementary error function of exact gelu; it would write a node no runtime knows."""
    from tf2onnx import utils
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        """erfc(x) = 1 - erf(x)."""

        @classmethod
        def version_9(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
            shapes, dtypes = [ctx.get_shape(node.output[0])], [ctx.get_dtype(node.output[0])]
            one = ctx.make_const(utils.make_name("one"), np.array(1, utils.map_onnx_to_numpy_type(dtypes[0])))
            ctx.remove_node(node.name)
            erf = ctx.make_node("Erf", [node.input[0]], shapes=shapes, dtypes=dtypes)
            ctx.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=shapes, dtypes=dtypes)

    assert Erfc is not None  # the decorator has registered it
