"""A model that answers: what it reads, a function from physical inputs to scores, and which model it is."""

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.calibration import THRESHOLDS, Calibrations, calibrations_from_json
from kerasmed.errors import ContractError
from kerasmed.export.confine import Limits
from kerasmed.export.formats import FORMAT_FILES, KERAS
from kerasmed.inference.apart import Kind, ModelApart, open_apart
from kerasmed.spec import ExampleSpec
from kerasmed.versions import SPEC, is_plain_file, read_json, read_manifest, read_spec, version_folder, vouched_file

ONNX = FORMAT_FILES["onnx"].file
# HDF5 of older keras, and what python, joblib and torch write with pickle.
CODE_SUFFIXES = frozenset({".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth"})
Array = np.ndarray
Scores = Callable[[dict[str, Array]], Mapping[str, Array]]
BATCH_SIZE, BATCH_BYTES = 1024, 1 << 28


@dataclass(frozen=True)
class Predictor:
    """A model ready to answer.

    Attributes:
        spec: What it reads and answers.
        scores: Dict of physical float32 inputs (batch, *shape) to dict of scores (batch, num_classes) by target.
        version: Which model it is ("mitbih_ds1/3"), told with every prediction.
        calibrations: By target, what its scores were calibrated with and what they are answered by; none where they
            are as trained.
    """

    spec: ExampleSpec
    scores: Scores
    version: str
    calibrations: Calibrations = field(default_factory=dict)


def open_predictor(path: Path, backend: str = "jax", limits: Limits | None = None) -> Predictor:
    """The model in a saved model folder (its newest version, or one version) or in an `.onnx` file.

    A saved model answers through its `model.onnx` and onnxruntime, without keras, where both are there; else through
    `model.keras` on `backend`. Either file is opened in a child process that can do nothing but answer.

    Raises:
        ContractError: There is no model of kerasmed, it is not what its manifest says, unsafe, or ended its process.
        ConfigError: What it needs is not installed.
    """
    if path.suffix.lower() in CODE_SUFFIXES:
        raise ContractError(
            f"{path.name}: files of this kind can carry code and are never opened; use `kerasmed export`."
        )
    if path.suffix == ".onnx":
        return _of_onnx_file(path, limits)
    folder = version_folder(path)
    manifest = read_manifest(folder)
    spec = read_spec(vouched_file(folder, SPEC, manifest))
    calibrations: Calibrations = {}
    if THRESHOLDS in manifest["files"]:
        thresholds = vouched_file(folder, THRESHOLDS, manifest)
        calibrations = calibrations_from_json(read_json(thresholds), spec, str(thresholds))
    model = _open_apart(folder, manifest, spec, backend, limits)
    return Predictor(spec, model.scores, f"{manifest['name']}/{manifest['version']}", calibrations)


def score_examples(predictor: Predictor, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Scores of examples as `data/examples.py` makes them.

    Args:
        predictor: The model.
        arrays: Inputs (n, *shape) in the stored type of the spec; they are scaled to physical values batch by batch.

    Returns:
        float32 (n, num_classes) by target.

    Raises:
        ContractError: A score is not finite; such an answer is no answer.
    """
    scales = {name: array.scale for name, array in predictor.spec.inputs.items()}
    return _in_batches(predictor, arrays, scales)


def score_physical(predictor: Predictor, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """`score_examples` of values that are physical already."""
    return _in_batches(predictor, inputs, dict.fromkeys(predictor.spec.inputs, 1.0))


def _in_batches(predictor: Predictor, arrays: Mapping[str, Array], scales: Mapping[str, float]) -> dict[str, Array]:
    _require_shapes(predictor, arrays)
    num_examples = len(arrays[next(iter(scales))])
    num_values = sum(math.prod(arrays[name].shape[1:]) for name in scales)
    size = max(1, min(BATCH_SIZE, BATCH_BYTES // (4 * num_values)))  # a thousand volumes would not fit in memory
    parts = []
    for start in range(0, num_examples, size):
        batch = {name: arrays[name][start : start + size].astype(np.float32) for name in scales}
        parts.append(predictor.scores({name: batch[name] * np.float32(scales[name]) for name in scales}))
    scores = {name: np.concatenate([np.asarray(part[name], np.float32) for part in parts]) for name in parts[0]}
    for name, values in scores.items():
        if not np.isfinite(values).all():
            raise ContractError(
                f"{predictor.version}: scores of {name} are not finite; the model or its input is broken."
            )
    return scores


def _require_shapes(predictor: Predictor, arrays: Mapping[str, Array]) -> None:
    """A spec from elsewhere may ask for what its own recipe does not make."""
    for name, array in predictor.spec.inputs.items():
        found = arrays[name].shape[1:] if name in arrays else None
        fits = found is not None and len(found) == len(array.shape)
        if not fits or any(wanted not in (None, size) for size, wanted in zip(found or (), array.shape, strict=True)):
            raise ContractError(
                f"{predictor.version}: its input {name!r} has shape {array.shape}; its recipe gives {found}."
            )


def _of_onnx_file(path: Path, limits: Limits | None) -> Predictor:
    model = open_apart(path, "onnx", limits=limits)
    opened = model.opened
    calibrations = (
        {} if opened.thresholds is None else calibrations_from_json(opened.thresholds, opened.spec, path.name)
    )
    return Predictor(opened.spec, model.scores, opened.version, calibrations)


def _open_apart(
    folder: Path, manifest: dict[str, Any], spec: ExampleSpec, backend: str, limits: Limits | None
) -> ModelApart:
    """The file that answers; its hash is checked on the copy that the child is given."""
    kind: Kind = "keras"
    if ONNX in manifest["files"] and importlib.util.find_spec("onnxruntime") is not None:
        kind = "onnx"
    path = folder / (ONNX if kind == "onnx" else KERAS)
    if not is_plain_file(path):
        raise ContractError(f"{path}: is missing or not what the manifest of the model says; export it again.")
    sha256 = manifest["files"].get(path.name, "")
    return open_apart(path, kind, spec=spec, backend=backend, sha256=sha256, limits=limits)
