"""The child process of an export: TensorFlow, no GPU. `python -m kerasmed.export.child REQUEST.json`."""

import ctypes
import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.errors import KerasmedError
from kerasmed.export.child_process import Request
from kerasmed.export.keras_file import open_keras
from kerasmed.export.onnx_convert import write_onnx
from kerasmed.export.onnx_file import onnx_answers
from kerasmed.export.parity import answers_of, largest_difference
from kerasmed.export.saved_model import saved_model_answers, write_saved_model
from kerasmed.export.serving import same_names
from kerasmed.runtime import use_backend
from kerasmed.spec import ExampleSpec

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """On Linux the kernel ends this process when the one that started it ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(request_file: Path) -> int:
    """Do what the request says and report it; 0, or the exit code of the error that is in the report."""
    request = Request.from_json(json.loads(request_file.read_text()))
    try:
        report: dict[str, Any] = {"differences": export(request)}
    except KerasmedError as error:
        files.write_json(request.report, {"error": str(error)})
        return error.exit_code
    # A difference may be NaN, which files.write_json refuses.
    files.write_text(request.report, json.dumps(report))
    return 0


def export(request: Request) -> dict[str, float]:
    """Write the formats asked for and run each file that was written; the largest difference of each."""
    spec = ExampleSpec.from_json(request.spec)
    use_backend("tensorflow")
    model = open_keras(request.keras_file, trusted=request.trusted)
    same_names("inputs of the .keras file", model.input, spec.inputs)
    with np.load(request.probes, allow_pickle=False) as probes:
        inputs = {name: probes[f"input/{name}"] for name in spec.inputs}
        expected = {name: probes[f"answer/{name}"] for name in spec.targets}
    differences = {"keras": largest_difference(lambda batch: answers_of(model, batch), inputs, expected)}
    write_saved_model(model, request.saved_model)
    differences["saved_model"] = largest_difference(saved_model_answers(request.saved_model, spec), inputs, expected)
    if request.onnx is not None:
        write_onnx(request.saved_model, request.onnx, request.metadata)
        differences["onnx"] = largest_difference(onnx_answers(request.onnx, spec), inputs, expected)
    return differences


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
