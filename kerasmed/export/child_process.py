"""Starts the export child with an environment of its own, waits for it, and reads its report."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.export.parity import Arrays

TAIL_CHARACTERS = 600


@dataclass(frozen=True)
class Request:
    """What the child is asked for.

    Attributes:
        keras_file: The serving graph.
        trusted: Packages whose custom layers it may import.
        spec: The example spec as JSON.
        saved_model: Folder that receives the SavedModel.
        onnx: File that receives the ONNX graph; None where none is wanted.
        metadata: Text that travels inside the ONNX file.
        probes: `.npz` of inputs and of the answers to prove.
        report: JSON file that receives the largest difference of each format.
    """

    keras_file: Path
    trusted: list[str]
    spec: dict[str, Any]
    saved_model: Path
    onnx: Path | None
    metadata: dict[str, str]
    probes: Path
    report: Path

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into an equal request."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Request":
        """The request that `to_json` wrote."""
        paths = {name: Path(tree[name]) for name in ("keras_file", "saved_model", "probes", "report")}
        return cls(**{**tree, **paths, "onnx": None if tree["onnx"] is None else Path(tree["onnx"])})


def write_probes(path: Path, inputs: Arrays, expected: Arrays) -> None:
    """Write inputs and the answers of the training process for the child to compare with."""
    named = {f"input/{name}": values for name, values in inputs.items()}
    np.savez(path, **named, **{f"answer/{name}": values for name, values in expected.items()})  # type: ignore[arg-type]


def run_child(request: Request, timeout_s: float) -> dict[str, float]:
    """Format to its largest difference from the trained model.

    Raises:
        ContractError: The child failed or did not end in time; the end of what it said is in the message.
    """
    with tempfile.TemporaryDirectory(prefix="kerasmed-export-") as scratch:
        order = Path(scratch) / "request.json"
        files.write_json(order, request.to_json())
        code, said = _run(["kerasmed.export.child", str(order)], Path(scratch), timeout_s)
    report = json.loads(request.report.read_text()) if request.report.is_file() else {}
    if "error" in report:
        raise ContractError(report["error"])
    if code != 0 or "differences" not in report:
        raise ContractError(f"export: the child process ended with {_in_words(code)}: {said}")
    differences: dict[str, float] = report["differences"]
    return differences


def _run(module: list[str], scratch: Path, timeout_s: float) -> tuple[int, str]:
    """Exit code, and the end of what was written to stderr."""
    command = [sys.executable, "-P", "-m", *module]
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell
            command, cwd=scratch, env=_environment(scratch), capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ContractError(
            f"export: the child process did not end within {timeout_s:g} s: {_tail(error.stderr)}"
        ) from error
    return ended.returncode, _tail(ended.stderr)


def _in_words(code: int) -> str:
    """An exit code; the name of the signal where one ended the process."""
    return signal.Signals(-code).name if code < 0 else str(code)


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of ours but the places of modules: no backend, device or home of the process that trains."""
    modules = [str(Path(place).resolve()) for place in sys.path if place == "" or Path(place).exists()]
    return {
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(scratch / "keras"),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(modules),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _tail(said: bytes | None) -> str:
    lines = (said or b"").decode(errors="replace")[-TAIL_CHARACTERS:].split("\n")
    return " | ".join(line.strip() for line in lines if line.strip())
