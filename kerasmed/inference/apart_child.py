"""The process that opens a model file from elsewhere: `python -m kerasmed.inference.apart_child ORDER.json`.

It is confined before it reads the file, says what the file is, then answers one question for each line on stdin.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.errors import ContractError, KerasmedError
from kerasmed.export.child import die_with_parent
from kerasmed.export.confine import Limits, allow_processor, confine
from kerasmed.export.parity import Answers, Array
from kerasmed.inference.apart import OWN, answer_shapes
from kerasmed.spec import ExampleSpec

Reply = Callable[[dict[str, Any]], None]


def main(order_file: Path) -> int:
    """Open the file of the order and answer until nobody asks any more; the exit code."""
    order, scratch = json.loads(order_file.read_text()), order_file.parent
    limits = Limits.from_json(order["limits"])
    confine(limits, scratch / OWN)
    with _replies() as reply:
        try:
            answers, spec, facts = _OPENERS[order["kind"]](Path(order["file"]), order)
            reply({"spec": spec.to_json(), **facts})
            for question in sys.stdin.buffer:
                allow_processor(limits.seconds)
                _answer(answers, spec, json.loads(question)["shapes"], scratch)
                reply({"done": True})
        except KerasmedError as error:
            reply({"error": str(error), "exit_code": error.exit_code})
            return error.exit_code
    return 0


@contextmanager
def _replies() -> Iterator[Reply]:
    """A function that sends a reply; whatever a library prints goes to stderr instead."""
    with os.fdopen(os.dup(1), "w") as stream:
        os.dup2(2, 1)

        def reply(tree: dict[str, Any]) -> None:
            stream.write(json.dumps(tree) + "\n")
            stream.flush()

        yield reply


def _open_onnx(path: Path, order: dict[str, Any]) -> tuple[Answers, ExampleSpec, dict[str, Any]]:
    from kerasmed.calibration import calibrations_to_json
    from kerasmed.export.onnx_file import onnx_answers, open_onnx

    if order["spec"] is not None:
        spec = ExampleSpec.from_json(order["spec"])
        return onnx_answers(path, spec), spec, {}
    opened = open_onnx(path)
    facts: dict[str, Any] = {"version": opened.version, "thresholds": None}
    if opened.calibrations:
        facts["thresholds"] = calibrations_to_json(opened.calibrations, "")
    return opened.answers, opened.spec, facts


def _open_keras(path: Path, order: dict[str, Any]) -> tuple[Answers, ExampleSpec, dict[str, Any]]:
    from kerasmed.export.keras_file import open_keras, require_safe_keras
    from kerasmed.export.parity import answers_of
    from kerasmed.export.serving import require_names
    from kerasmed.runtime import use_backend

    require_safe_keras(path)  # before keras is loaded, which takes seconds
    use_backend(order["backend"])
    spec = ExampleSpec.from_json(order["spec"])
    model = open_keras(path)
    require_names(model, spec)
    return partial(answers_of, model), spec, {}


_OPENERS = {"onnx": _open_onnx, "keras": _open_keras}


def _answer(answers: Answers, spec: ExampleSpec, shapes: dict[str, list[int]], scratch: Path) -> None:
    inputs = {
        name: np.fromfile(scratch / f"input-{place}", np.float32).reshape(shapes[name])
        for place, name in enumerate(spec.inputs)
    }
    found = answers(inputs)
    wanted = answer_shapes(spec, {name: values.shape for name, values in inputs.items()})
    for place, name in enumerate(spec.targets):
        _write(found[name], wanted[name], name, scratch / OWN / f"answer-{place}")


def _write(values: Array, shape: tuple[int, ...], name: str, path: Path) -> None:
    if np.shape(values) != shape:
        raise ContractError(f"{name}: answers have shape {np.shape(values)}, not {shape}.")
    np.ascontiguousarray(values, np.float32).tofile(path)


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
