"""`.onnx` files: checked before they are run, run by onnxruntime alone, without keras."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.calibration import Calibrations, calibrations_from_json
from kerasmed.errors import ContractError, MissingPackageError
from kerasmed.export.confine import Limits
from kerasmed.export.onnx_check import require_safe_graph
from kerasmed.export.parity import Answers, Array
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, refusals
from kerasmed.spec import ExampleSpec
from kerasmed.versions import spec_of

# Keys of the metadata that travels inside the file.
SPEC_KEY, NAME_KEY, VERSION_KEY = "kerasmed_spec", "kerasmed_name", "kerasmed_version"
CALIBRATION_KEY = "kerasmed_calibration"  # the tree of thresholds.json; absent where scores are as trained
MAX_BYTES = 2**31  # of protobuf itself


@dataclass(frozen=True)
class OnnxModel:
    """An opened file: what it reads and answers, a function that runs it, "name/version", and its calibrations."""

    spec: ExampleSpec
    answers: Answers
    version: str
    calibrations: Calibrations


def onnx_metadata(
    spec: ExampleSpec, name: str, version: int, thresholds: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """What `open_onnx` reads back; `thresholds` is the tree of thresholds.json, where there is one."""
    calibration = {} if thresholds is None else {CALIBRATION_KEY: json.dumps(thresholds)}
    return {SPEC_KEY: json.dumps(spec.to_json()), NAME_KEY: name, VERSION_KEY: str(version), **calibration}


def open_onnx(path: Path) -> OnnxModel:
    """Open an `.onnx` file that kerasmed exported.

    Raises:
        ContractError: It is damaged, points at other files, needs custom operators, or carries no spec.
        MissingPackageError: onnx or onnxruntime is not installed.
    """
    metadata = {entry.key: entry.value for entry in _safe_graph(path).metadata_props}
    spec = _spec(metadata, path)
    version = f"{metadata.get(NAME_KEY, path.stem)}/{metadata.get(VERSION_KEY, '?')}"
    return OnnxModel(spec, onnx_answers(path, spec), version, _calibrations(metadata, spec, path))


def onnx_answers(path: Path, spec: ExampleSpec) -> Answers:
    """A function that runs the graph in `path` on the CPU; raises as `load_onnx` does."""
    return load_onnx(path, spec).answers


def load_onnx(path: Path, spec: ExampleSpec) -> Loaded:
    """The graph in `path` on the CPU.

    Raises:
        ContractError: It is unsafe or too large, onnxruntime cannot load it, or its inputs and outputs do not have the
            names of the spec.
    """
    _safe_graph(path)
    session = _session(path)
    inputs = tuple(value.name for value in session.get_inputs())
    outputs = tuple(value.name for value in session.get_outputs())
    same_names(f"{path.name}: inputs", inputs, spec.inputs)
    same_names(f"{path.name}: outputs", outputs, spec.targets)

    def answers(batch: dict[str, Array]) -> dict[str, Array]:
        with refusals(f"{path.name}: onnxruntime cannot run it", *_refusals_of_runtime(), MemoryError):
            return dict(zip(outputs, session.run(outputs, batch), strict=True))

    return Loaded(answers, inputs, outputs)


def ask_raw_onnx(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What the serving graph in `path` answers on the CPU."""
    session = _session(path)
    outputs = [value.name for value in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))


def _safe_graph(path: Path) -> Any:
    proto = _read(path)
    require_safe_graph(path.name, proto, Limits.declared_bytes)
    return proto


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


def _spec(metadata: dict[str, str], path: Path) -> ExampleSpec:
    try:
        return spec_of(json.loads(metadata[SPEC_KEY]), path.name)
    except (KeyError, ValueError, RecursionError, ContractError) as error:
        raise ContractError(
            f"{path.name}: carries no readable kerasmed spec, so its inputs are unknown; use one of `kerasmed export`."
        ) from error


def _calibrations(metadata: dict[str, str], spec: ExampleSpec, path: Path) -> Calibrations:
    if CALIBRATION_KEY not in metadata:
        return {}
    try:
        tree = json.loads(metadata[CALIBRATION_KEY])
    except ValueError as error:
        raise ContractError(f"{path.name}: its calibration cannot be read; export the model again.") from error
    return calibrations_from_json(tree, spec, path.name)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingPackageError("onnxruntime", "export", "running an .onnx file") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal; errors come as exceptions
    with refusals(f"{path.name}: onnxruntime cannot load it", *_refusals_of_runtime(), MemoryError):
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _refusals_of_runtime() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    names = ("Fail", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "InvalidArgument", "RuntimeException")
    return tuple(getattr(errors, name) for name in names)
