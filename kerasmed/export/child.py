"""The child process of an export: one backend, no GPU. `python -m kerasmed.export.child REQUEST.json`."""

import ctypes
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.calibration import THRESHOLDS, calibrations_from_json
from kerasmed.errors import ContractError, KerasmedError
from kerasmed.export.child_process import Question, Request
from kerasmed.export.confine import Limits, confine
from kerasmed.export.format_names import Format
from kerasmed.export.formats import FORMAT_FILES
from kerasmed.export.keras_file import open_keras
from kerasmed.export.parity import BATCH_SIZES, Answers, Array, Arrays, answers_of, largest_difference
from kerasmed.export.raw.proof import RAW_ANSWERS, raw_difference
from kerasmed.export.serving import same_names
from kerasmed.export.written import Origin, RawOrder
from kerasmed.runtime import use_backend
from kerasmed.spec import ExampleSpec

PR_SET_PDEATHSIG = 1  # prctl(2)
ROWS_AT_ONCE = 1024


def die_with_parent() -> None:
    """On Linux the kernel ends this process when the one that started it ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(request_file: Path) -> int:
    """Do what the request says and report it; 0, or the exit code of the error that is in the report."""
    tree = json.loads(request_file.read_text())
    return reported(Path(tree["report"]), lambda: _JOBS[tree.pop("job")](tree))


def reported(report: Path, work: Callable[[], dict[str, Any]]) -> int:
    """Write what `work` found, or the error it ended with, into `report`; the exit code of the process."""
    try:
        found = work()
    except KerasmedError as error:
        files.write_json(report, {"error": str(error)})
        return error.exit_code
    # A difference may be NaN, which files.write_json refuses.
    files.write_text(report, json.dumps(found))
    return 0


def export(request: Request) -> dict[str, Any]:
    """Write the formats asked for and run each file that was written; what was found, or why there is none."""
    spec = ExampleSpec.from_json(request.spec)
    origin = Origin(_open(request), spec, {}, request.metadata, _raw_order(request.raw, spec))
    with np.load(request.probes, allow_pickle=False) as probes:
        stored = dict(probes)
    inputs = {name: stored[f"input/{name}"] for name in spec.inputs}
    expected = {name: stored[f"answer/{name}"] for name in spec.targets}
    difference = largest_difference(partial(answers_of, origin.model), inputs, expected)
    proofs: dict[Format, Any] = {"keras": _proof(difference, spec.inputs, spec.targets, None)}
    failures: dict[Format, str] = {}
    raw: dict[Format, float] = {}
    for name, path in request.files.items():
        try:
            _require_origin(name, failures)
            proofs[name] = _write(name, path, origin, inputs, expected)
            if origin.raw is not None and name in RAW_ANSWERS:
                raw[name] = raw_difference(RAW_ANSWERS[name](path), origin.raw, stored)
        except KerasmedError as error:
            failures[name] = str(error)
        else:
            origin = replace(origin, written={**origin.written, name: path})
    return {"proofs": proofs, "failures": failures, "raw": raw}


def _raw_order(tree: dict[str, Any] | None, spec: ExampleSpec) -> RawOrder | None:
    if tree is None:
        return None
    thresholds = tree["thresholds"]
    calibrations = {} if thresholds is None else calibrations_from_json(thresholds, spec, THRESHOLDS)
    return RawOrder(tree["rate_hz"], calibrations, tree["description"])


def _require_origin(name: Format, failures: dict[Format, str]) -> None:
    made_of = FORMAT_FILES[name].made_of
    if made_of in failures:
        raise ContractError(f"is made of {made_of}, which failed: {failures[made_of]}")


def _write(name: Format, path: Path, origin: Origin, inputs: Arrays, expected: Arrays) -> dict[str, Any]:
    form = FORMAT_FILES[name]
    form.write(origin, path)
    loaded = form.load(path, origin.spec)
    difference = largest_difference(loaded.answers, inputs, expected)
    return _proof(difference, loaded.inputs, loaded.outputs, loaded.batch)


def _proof(difference: float, inputs: Any, outputs: Any, batch: int | None) -> dict[str, Any]:
    return {"difference": difference, "inputs": list(inputs), "outputs": list(outputs), "batch": batch}


def ask(question: Question) -> dict[str, Any]:
    """Put the probes, at every batch size, and the rows to each file; its answers go into one `.npz`.

    The files may come from elsewhere, so this process gives up first what it does not need.
    """
    confine(Limits.from_json(question.limits), question.report.parent, Path(tempfile.gettempdir()))
    spec = ExampleSpec.from_json(question.spec)
    model = _open(question)
    with np.load(question.inputs, allow_pickle=False) as stored:
        probes = {name: stored[f"probes/{name}"] for name in spec.inputs}
        rows = {name: stored[f"rows/{name}"] for name in spec.inputs}
    found: dict[str, Array] = {}
    failures: dict[str, str] = {}
    for way, path in question.files.items():
        try:
            answers = _answers(way, path, model, spec)
            parts = {"probes": _at_every_size(answers, probes), "rows": _in_batches(answers, rows, spec)}
        except KerasmedError as error:
            failures[way] = str(error)
        else:
            found.update({f"{way}/{part}/{name}": values for part, by in parts.items() for name, values in by.items()})
    np.savez(question.answers, **found)  # type: ignore[arg-type]
    return {"failures": failures}


def _answers(way: Format, path: Path, model: Any, spec: ExampleSpec) -> Answers:
    if way == "keras":
        return partial(answers_of, model)
    return FORMAT_FILES[way].load(path, spec).answers


def _at_every_size(answers: Answers, inputs: Arrays) -> dict[str, Array]:
    found = [answers({name: values[:size] for name, values in inputs.items()}) for size in BATCH_SIZES]
    return {name: np.concatenate([np.asarray(part[name]) for part in found]) for name in found[0]}


def _in_batches(answers: Answers, inputs: Arrays, spec: ExampleSpec) -> dict[str, Array]:
    starts = range(0, len(next(iter(inputs.values()))), ROWS_AT_ONCE)
    found = [answers({name: values[i : i + ROWS_AT_ONCE] for name, values in inputs.items()}) for i in starts]
    if not found:
        return {name: np.zeros((0, len(target.classes)), np.float32) for name, target in spec.targets.items()}
    return {name: np.concatenate([np.asarray(part[name]) for part in found]) for name in spec.targets}


def _open(request: Request | Question) -> Any:
    use_backend(request.backend)
    model = open_keras(request.keras_file, trusted=request.trusted)
    same_names("inputs of the .keras file", model.input, request.spec["inputs"])
    return model


_JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "export": lambda tree: export(Request.from_json(tree)),
    "ask": lambda tree: ask(Question.from_json(tree)),
}

if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
