"""A model that answers: what it reads, a function from physical inputs to scores, and which model it is."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.calibration import THRESHOLDS, Calibrations, calibrations_from_json
from kerasmed.errors import ContractError
from kerasmed.export.formats import KERAS
from kerasmed.export.keras_file import open_keras
from kerasmed.export.onnx_file import onnx_answers, open_onnx
from kerasmed.export.parity import answers_of
from kerasmed.export.publish import LAYOUT, MANIFEST, ONNX, SPEC, latest_version
from kerasmed.runtime import use_backend
from kerasmed.spec import ExampleSpec

Array = np.ndarray
Scores = Callable[[dict[str, Array]], Mapping[str, Array]]
BATCH_SIZE = 1024


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


def open_predictor(path: Path, backend: str = "jax") -> Predictor:
    """The model in a saved model folder (its newest version, or one version) or in an `.onnx` file.

    A saved model answers through its `model.onnx` and onnxruntime, without keras, where both are there; else through
    `model.keras` on `backend`.

    Raises:
        ContractError: There is no model of kerasmed, or it is damaged.
        MissingPackageError: What it needs is not installed.
    """
    if path.suffix == ".onnx":
        opened = open_onnx(path)
        return Predictor(opened.spec, opened.answers, opened.version, opened.calibrations)
    folder = version_folder(path)
    manifest = _read_json(folder / MANIFEST)
    if manifest.get("layout") != LAYOUT:
        raise ContractError(f"{folder}: was not written by this version of kerasmed; export the model again.")
    spec = ExampleSpec.from_json(_read_json(_verified(folder, SPEC, manifest)))
    version = f"{manifest['name']}/{manifest['version']}"
    calibrations: Calibrations = {}
    if THRESHOLDS in manifest["files"]:
        path = _verified(folder, THRESHOLDS, manifest)
        calibrations = calibrations_from_json(_read_json(path), spec, str(path))
    return Predictor(spec, _open_scores(folder, manifest, spec, backend), version, calibrations)


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
    num_examples = len(arrays[next(iter(scales))])
    parts = []
    for start in range(0, num_examples, BATCH_SIZE):
        batch = {name: arrays[name][start : start + BATCH_SIZE].astype(np.float32) for name in scales}
        parts.append(predictor.scores({name: batch[name] * np.float32(scales[name]) for name in scales}))
    scores = {name: np.concatenate([np.asarray(part[name], np.float32) for part in parts]) for name in parts[0]}
    for name, values in scores.items():
        if not np.isfinite(values).all():
            raise ContractError(
                f"{predictor.version}: scores of {name} are not finite; the model or its input is broken."
            )
    return scores


def version_folder(path: Path) -> Path:
    """The folder of a version: `path` itself, or the newest version in it.

    Raises:
        ContractError: There is none.
    """
    if (path / MANIFEST).is_file() and (path / SPEC).is_file():
        return path
    version = latest_version(path) if path.is_dir() else 0
    if version:
        return path / str(version)
    raise ContractError(f"{path}: is neither a saved model folder nor an .onnx file of kerasmed export.")


def _open_scores(folder: Path, manifest: dict[str, Any], spec: ExampleSpec, backend: str) -> Scores:
    if ONNX in manifest["files"] and importlib.util.find_spec("onnxruntime") is not None:
        return onnx_answers(_verified(folder, ONNX, manifest), spec)
    path = _verified(folder, KERAS, manifest)
    use_backend(backend)
    model = open_keras(path)
    return lambda inputs: answers_of(model, inputs)


def _verified(folder: Path, name: str, manifest: dict[str, Any]) -> Path:
    path = folder / name
    if not path.is_file() or files.sha256_file(path) != manifest["files"].get(name):
        raise ContractError(f"{path}: is missing or not what the manifest of the model says; export it again.")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ContractError(f"{path}: cannot be read ({error}); export the model again.") from error
    if not isinstance(tree, dict):
        raise ContractError(f"{path}: is no JSON object; export the model again.")
    return tree
