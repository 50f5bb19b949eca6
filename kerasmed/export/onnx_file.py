"""`.onnx` files: checked before they are run, run by onnxruntime alone, without keras."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.errors import ContractError, MissingPackageError
from kerasmed.export.parity import Answers, Array
from kerasmed.export.serving import same_names
from kerasmed.spec import ExampleSpec

# Keys of the metadata that travels inside the file.
SPEC_KEY, NAME_KEY, VERSION_KEY = "kerasmed_spec", "kerasmed_name", "kerasmed_version"
STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_BYTES = 2**31  # of protobuf itself


@dataclass(frozen=True)
class OnnxModel:
    """An opened file: what it reads and answers, a function that runs it, and "name/version"."""

    spec: ExampleSpec
    answers: Answers
    version: str


def onnx_metadata(spec: ExampleSpec, name: str, version: int) -> dict[str, str]:
    """What `open_onnx` reads back."""
    return {SPEC_KEY: json.dumps(spec.to_json()), NAME_KEY: name, VERSION_KEY: str(version)}


def open_onnx(path: Path) -> OnnxModel:
    """Open an `.onnx` file that kerasmed exported.

    Raises:
        ContractError: It is damaged, points at other files, needs custom operators, or carries no spec.
        MissingPackageError: onnx or onnxruntime is not installed.
    """
    proto = _read(path)
    _refuse_unsafe(proto, path)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    spec = _spec(metadata, path)
    version = f"{metadata.get(NAME_KEY, path.stem)}/{metadata.get(VERSION_KEY, '?')}"
    return OnnxModel(spec, onnx_answers(path, spec), version)


def onnx_answers(path: Path, spec: ExampleSpec) -> Answers:
    """A function that runs the graph in `path` on the CPU.

    Raises:
        ContractError: onnxruntime cannot load it, or its inputs and outputs do not have the names of the spec.
    """
    session = _session(path)
    same_names(f"{path.name}: inputs", (value.name for value in session.get_inputs()), spec.inputs)
    same_names(f"{path.name}: outputs", (value.name for value in session.get_outputs()), spec.targets)
    targets = list(spec.targets)

    def answers(inputs: dict[str, Array]) -> dict[str, Array]:
        return dict(zip(targets, session.run(targets, inputs), strict=True))

    return answers


def _read(path: Path) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise MissingPackageError("onnx", "export", "opening an .onnx file") from error
    if not path.is_file() or not 0 < path.stat().st_size < MAX_BYTES:
        raise ContractError(f"{path}: is no .onnx file, is empty, or is larger than {MAX_BYTES} bytes.")
    try:
        return onnx.load_model(path, load_external_data=False)
    except DecodeError as error:
        raise ContractError(f"{path.name}: is no complete ONNX file; copy or export it again.") from error


def _refuse_unsafe(proto: Any, path: Path) -> None:
    import onnx

    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(proto.graph)):
        raise ContractError(f"{path.name}: keeps weights in other files, which is refused; kerasmed writes one file.")
    nodes = list(_all_nodes(proto.graph))
    foreign = {entry.domain for entry in (*proto.opset_import, *nodes)} - STANDARD_DOMAINS
    if foreign or proto.functions:
        named = ", ".join(sorted(foreign)) or "functions of its own"
        raise ContractError(f"{path.name}: needs custom operators ({named}), which is refused.")


def _all_nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _all_nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    """Every constant of the graph and of the graphs inside its nodes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors, attribute.sparse_tensor.values)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _spec(metadata: dict[str, str], path: Path) -> ExampleSpec:
    try:
        return ExampleSpec.from_json(json.loads(metadata[SPEC_KEY]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{path.name}: carries no readable kerasmed spec, so its inputs are unknown; use one of `kerasmed export`."
        ) from error


def _session(path: Path) -> Any:
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors
    except ModuleNotFoundError as error:
        raise MissingPackageError("onnxruntime", "export", "running an .onnx file") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; they come as exceptions too
    refused = (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented, errors.InvalidArgument)
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (*refused, errors.RuntimeException) as error:
        raise ContractError(f"{path.name}: onnxruntime cannot load it: {str(error).splitlines()[0][:200]}") from error
