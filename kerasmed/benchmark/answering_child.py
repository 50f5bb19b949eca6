"""Answers as a cell: keras on a backend, and the exported files in their own runtimes."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import runtime
from kerasmed.benchmark.lines import Lines
from kerasmed.benchmark.machine import peak_memory, require_device
from kerasmed.benchmark.turns import Clock, TurnsOver, turns
from kerasmed.config.load import load_run
from kerasmed.export.formats import FORMAT_FILES
from kerasmed.export.parity import probe_inputs
from kerasmed.spec import ExampleSpec

EXPORT_TIMEOUT_S = 1800.0
Answers = Callable[[dict[str, np.ndarray]], Any]


def write(order: dict[str, Any], lines: Lines) -> None:
    """Export the network with the weights of all cells; say which formats could not be written, and why."""
    from kerasmed.export.proof import write_formats
    from kerasmed.export.serving import serving_model

    spec, model = _network(order)
    proofs = write_formats(
        serving_model(model, spec), spec, ["keras", *order["formats"]], Path(order["folder"]), {}, EXPORT_TIMEOUT_S
    )
    lines.answer({"failures": dict(proofs.failures)})


def answer(order: dict[str, Any], lines: Lines) -> None:
    """Answer as the format of a file does, or as keras does."""
    spec = ExampleSpec.from_json(order["spec"])
    answers = _of_file(order, spec) if order["format"] else _of_keras(order)
    answer_in_turns(answers, order, lines)
    lines.answer(dict(peak_memory(order["backend"])) if not order["format"] else {})


def answer_in_turns(answers: Answers, order: dict[str, Any], lines: Lines) -> None:
    """Answer one batch again and again until no other turn is ordered."""
    inputs = probe_inputs(ExampleSpec.from_json(order["spec"]), order["batch_size"])
    times = {"imported": time.time(), "built": time.time()}
    between = turns(lines, lambda: None, lambda: times, Clock())
    with suppress(TurnsOver):
        for _ in between:
            answers(inputs)


def _of_keras(order: dict[str, Any]) -> Answers:
    _, model = _network(order)
    return model.predict_on_batch


def _of_file(order: dict[str, Any], spec: ExampleSpec) -> Answers:
    form = FORMAT_FILES[order["format"]]
    if order["format"] == "saved_model":
        runtime.use_backend("tensorflow")
    return form.load(Path(order["folder"]) / form.file, spec).answers


def _network(order: dict[str, Any]) -> tuple[ExampleSpec, Any]:
    """The network of whole examples with the weights of all cells."""
    config, spec = load_run(Path(order["config"])), ExampleSpec.from_json(order["spec"])
    runtime.use_backend(config.backend)
    require_device(config.backend, order["device"])
    from kerasmed.benchmark.training_child import seeded_weights
    from kerasmed.models.windows import build_network, whole_model

    runtime.use_precision(config.trainer.precision)
    network = build_network(config, spec)
    seeded_weights(network, Path(order["weights"]))
    return spec, whole_model(network, spec, config.crops)
