"""OpenVINO's `.xml` with the `.bin` beside it, for Intel hardware. Made of the ONNX graph."""

import sys
from pathlib import Path
from typing import Any

from kerasmed.export.parity import Array
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, Origin, refusals
from kerasmed.spec import ExampleSpec

# By OpenVINO's own choice of precision, scores moved by 1e-3 to 2e-3 on a CPU that has bfloat16.
FULL_PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}


def write_openvino(origin: Origin, path: Path) -> None:
    """Write the graph with float32 weights.

    Raises:
        ContractError: OpenVINO cannot read the ONNX graph.
    """
    openvino = _openvino()
    with refusals("openvino", RuntimeError):
        graph = openvino.Core().read_model(origin.written["onnx"])
        openvino.save_model(graph, path, compress_to_fp16=False)


def load_openvino(path: Path, spec: ExampleSpec) -> Loaded:
    """The graph in `path` on the CPU, in float32.

    Raises:
        ContractError: OpenVINO cannot load it, or it does not have the names of the spec.
    """
    with refusals(path.name, RuntimeError):
        compiled = _openvino().Core().compile_model(path, "CPU", FULL_PRECISION)
    inputs = tuple(port.get_any_name() for port in compiled.inputs)
    outputs = tuple(port.get_any_name() for port in compiled.outputs)
    same_names(f"{path.name}: inputs", inputs, spec.inputs)
    same_names(f"{path.name}: outputs", outputs, spec.targets)

    def answers(batch: dict[str, Array]) -> dict[str, Array]:
        found = compiled(batch)
        return {name: found[name].copy() for name in outputs}  # the next run writes into the same memory

    return Loaded(answers, inputs, outputs)


def _openvino() -> Any:
    """The library without its telemetry, which gives the user an id in his home folder as soon as it is imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
