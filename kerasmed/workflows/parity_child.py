"""One row of the matrix: a network on one backend. `python -m kerasmed.workflows.parity_child ORDER.json`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed.build import build
from kerasmed.export.child import die_with_parent, reported
from kerasmed.export.proof import write_formats
from kerasmed.export.serving import serving_model
from kerasmed.runtime import use_backend
from kerasmed.workflows.parity_matrix import SMALL, spec_of

if TYPE_CHECKING:
    import keras

SEED = 7


def main(order_file: Path) -> int:
    """Do what the order says and report it; the exit code."""
    order = json.loads(order_file.read_text())
    return reported(Path(order["report"]), lambda: prove(order))


def prove(order: dict[str, Any]) -> dict[str, Any]:
    """Build the network, write every format of it, and tell what came of each."""
    use_backend(order["backend"])
    spec = spec_of(order["model"])
    model = build(SMALL[order["model"]], spec)
    _disturb(model)
    serving = serving_model(model, spec)
    proofs = write_formats(serving, spec, order["formats"], Path(order["folder"]), {}, order["timeout_s"])
    found = {name: {"difference": proof.difference, "batch": proof.batch} for name, proof in proofs.found.items()}
    return {"cells": {**found, **{name: {"reason": reason} for name, reason in proofs.failures.items()}}}


def _disturb(model: "keras.Model") -> None:
    """Move every weight off its start: zeros and ones would hide what a format forgets."""
    rng = np.random.default_rng(SEED)
    model.set_weights([_moved(weight, rng) for weight in model.weights])


def _moved(weight: "keras.Variable", rng: np.random.Generator) -> np.ndarray:
    values = np.asarray(weight)
    if values.dtype.kind != "f":
        return values
    if weight.name == "moving_variance":
        return rng.uniform(0.5, 1.5, values.shape).astype(values.dtype)
    return values + rng.normal(0.0, 0.1, values.shape).astype(values.dtype)


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
