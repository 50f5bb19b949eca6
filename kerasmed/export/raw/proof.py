"""Proof that a serving graph answers as training's own preparation and the trained model do."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kerasmed.errors import ContractError
from kerasmed.export.format_names import Format
from kerasmed.export.onnx_file import ask_raw_onnx
from kerasmed.export.parity import Array
from kerasmed.export.raw.describe import FAULTY, LABELS, ONNX_FILE, SCORES, raw_names
from kerasmed.export.saved_model import ask_raw_saved_model
from kerasmed.export.serving import same_names
from kerasmed.export.written import RawOrder

# Examples are stored in steps, and a value midway between two may fall to either side; one step of one sample moves a
# score by less than this.
RAW_LIMIT = 1e-3
# Prefixes in the file of probes.
INPUT, EXPECTED = "raw/", "raw_scores"
Ask = Callable[[Mapping[str, Array]], dict[str, Array]]

RAW_ANSWERS: dict[Format, Callable[[Path], Ask]] = {
    "saved_model": lambda path: lambda inputs: ask_raw_saved_model(path, inputs),
    "onnx": lambda path: lambda inputs: ask_raw_onnx(path.with_name(ONNX_FILE), inputs),
}


def raw_difference(ask: Ask, order: RawOrder, stored: Mapping[str, Array]) -> float:
    """Largest difference of the scores of a serving graph from those expected.

    Args:
        ask: Runs the graph.
        order: What it was to be.
        stored: Inputs and expected scores, as `write_probes` stored them.

    Raises:
        ContractError: It judges other beats than training would, answers otherwise than its scores say, or differs by
            more than `RAW_LIMIT`.
    """
    inputs, outputs = raw_names(order.description)
    expected = stored[EXPECTED]
    found = ask({name: stored[INPUT + name] for name in inputs})
    same_names("serving graph: outputs", found, outputs)
    if found[FAULTY].any():
        named = [name for name, faulty in zip(order.description["faults"], found[FAULTY], strict=True) if faulty]
        raise ContractError(f"serving graph: refuses a sound recording ({', '.join(named)}).")
    judged = np.isfinite(expected)
    if found[SCORES].shape != expected.shape or (np.isfinite(found[SCORES]) != judged).any():
        raise ContractError("serving graph: judges other beats than training does.")
    if ((found[LABELS].reshape(len(judged), -1) < 0).any(axis=1) == judged.all(axis=1)).any():
        raise ContractError("serving graph: gives answers where it has no scores.")
    difference = float(np.abs(found[SCORES][judged] - expected[judged]).max())
    if not difference <= RAW_LIMIT:
        raise ContractError(
            f"serving graph: scores differ from the trained model by {difference:.3g}, more than {RAW_LIMIT:g}."
        )
    return difference
