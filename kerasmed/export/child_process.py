"""Starts a child with an environment of its own, waits for it, and reads its report."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.config.run import Backend
from kerasmed.errors import ContractError
from kerasmed.export.format_names import Format
from kerasmed.export.parity import Arrays

TAIL_CHARACTERS = 600
CHILD = "kerasmed.export.child"


@dataclass(frozen=True)
class Order:
    """What every child is told.

    Attributes:
        backend: Its backend.
        keras_file: The serving graph.
        trusted: Packages whose custom layers it may import.
        spec: The example spec as JSON.
        files: Format to its file, in the order in which they are taken.
        report: JSON file that receives what was found.
    """

    backend: Backend
    keras_file: Path
    trusted: list[str]
    spec: dict[str, Any]
    files: dict[Format, Path]
    report: Path

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into an equal order."""
        return _as_text(asdict(self))

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Any:
        """The order that `to_json` wrote."""
        paths = {name: Path(tree[name]) for name in ("keras_file", "report", *cls.places()) if name in tree}
        return cls(**{**tree, **paths, "files": {name: Path(path) for name, path in tree["files"].items()}})

    @classmethod
    def places(cls) -> tuple[str, ...]:
        """Fields of a kind of order that are paths too."""
        return ()


@dataclass(frozen=True)
class Request(Order):
    """Write `files` and prove them.

    Attributes:
        metadata: Text that travels inside the ONNX file.
        probes: `.npz` of inputs and of the answers to prove.
        raw: Of the serving graph: "rate_hz", "thresholds" (the tree of thresholds.json or None), "description"; None
            where there is to be none.
    """

    metadata: dict[str, str]
    probes: Path
    raw: dict[str, Any] | None = None

    @classmethod
    def places(cls) -> tuple[str, ...]:
        """Paths besides those of every order."""
        return ("probes",)


@dataclass(frozen=True)
class Question(Order):
    """Run `files`, which are there and may come from elsewhere.

    Attributes:
        inputs: `.npz` of probes and rows.
        answers: `.npz` that receives the answers, in the folder of the report.
        limits: What the child is given, as `Limits.to_json` tells it.
    """

    inputs: Path
    answers: Path
    limits: dict[str, Any]

    @classmethod
    def places(cls) -> tuple[str, ...]:
        """Paths besides those of every order."""
        return ("inputs", "answers")


def write_probes(path: Path, inputs: Arrays, expected: Arrays, others: Arrays) -> None:
    """Write inputs and the answers of the training process, and `others` by their own names, for the child."""
    named = {f"input/{name}": values for name, values in inputs.items()}
    np.savez(path, **named, **{f"answer/{name}": values for name, values in expected.items()}, **others)  # type: ignore[arg-type]


def run_child(order: Order, timeout_s: float) -> dict[str, Any]:
    """What the child found: proofs of the formats it wrote, or nothing; and why it failed at others.

    Raises:
        ContractError: The child failed or did not end in time; the end of what it said is in the message.
    """
    job = "export" if isinstance(order, Request) else "ask"
    return run_module(CHILD, {**order.to_json(), "job": job}, timeout_s)


def run_module(module: str, tree: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """Run a module of ours as a process of its own, on the backend `tree["backend"]`, and read its report.

    Args:
        module: It is given the name of a JSON file that holds `tree`.
        tree: Its order; `tree["report"]` is the file that it must write.
        timeout_s: Time it is given.

    Raises:
        ContractError: It failed or did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="kerasmed-export-") as scratch:
        order = Path(scratch) / "request.json"
        files.write_json(order, tree)
        code, said = _run([module, str(order)], Path(scratch), tree["backend"], timeout_s)
    path = Path(tree["report"])
    report: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    if "error" in report:
        raise ContractError(report["error"])
    if code != 0 or not report:
        raise ContractError(f"export: the child process ended with {in_words(code)}: {said}")
    return report


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, Path) else value


def _run(module: list[str], scratch: Path, backend: str, timeout_s: float) -> tuple[int, str]:
    """Exit code, and the end of what was written to stderr."""
    command = child_command(*module)
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell
            command, cwd=scratch, env=child_environment(scratch, backend), capture_output=True, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ContractError(
            f"export: the child process did not end within {timeout_s:g} s: {last_words(error.stderr)}"
        ) from error
    return ended.returncode, last_words(ended.stderr)


def child_command(*module: str) -> list[str]:
    """The command that runs a module of ours by this interpreter."""
    return [sys.executable, "-P", "-m", *module]


def in_words(code: int) -> str:
    """An exit code; the name of the signal where one ended the process."""
    return signal.Signals(-code).name if code < 0 else str(code)


def child_environment(scratch: Path, backend: str) -> dict[str, str]:
    """Nothing of ours but the places of modules: no device or home of the process that trains."""
    modules = [str(Path(place).resolve()) for place in sys.path if place == "" or Path(place).exists()]
    return {
        "KERAS_BACKEND": backend,
        "KERAS_HOME": str(scratch / "keras"),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PATH": os.defpath,
        "MALLOC_ARENA_MAX": "2",  # each arena takes 64 MB of the address space that a child may be given
        "PYTHONPATH": os.pathsep.join(modules),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # it may write nothing but its answer
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def last_words(said: bytes | None) -> str:
    """The end of what a process wrote, in one line."""
    lines = (said or b"").decode(errors="replace")[-TAIL_CHARACTERS:].split("\n")
    return " | ".join(line.strip() for line in lines if line.strip())
