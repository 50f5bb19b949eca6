"""Checkpoints: a directory with a hash manifest, whole or absent."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed import files
from kerasmed.errors import DataError, TrainingError

WEIGHTS, TRAINING, STATE, MANIFEST = "weights.npz", "training.npz", "state.json", "manifest.json"


def save_checkpoint(folder: Path, weights: Sequence[Any], trainee: keras.Model, state: dict[str, Any]) -> None:
    """Write a checkpoint to `folder`, replacing the one that is there only when the new one is complete.

    Args:
        folder: Where the checkpoint is to stand.
        weights: The inference model's weights as evaluated, float arrays in the order of `model.weights`.
        trainee: The compiled model; all of its variables and its optimizer's are kept, to go on training.
        state: Position and history (JSON values).

    Raises:
        TrainingError: A weight is not finite; such a model is never saved.
    """
    if not all(np.isfinite(value).all() for value in weights):
        raise TrainingError(f"{folder.name}: weights are not finite and were not saved; lower trainer.learning_rate.")
    with files.committed_folder(folder) as beside:
        (beside / WEIGHTS).write_bytes(_npz(weights))
        (beside / TRAINING).write_bytes(_npz(read_variables([*trainee.variables, *trainee.optimizer.variables])))
        (beside / STATE).write_text(json.dumps(state))
        (beside / MANIFEST).write_text(json.dumps(files.hash_folder(beside), indent=2))


def load_weights(folder: Path, model: keras.Model) -> None:
    """Give `model` the weights of the checkpoint in `folder`.

    Raises:
        DataError: The checkpoint is damaged or belongs to another model.
    """
    verify_checkpoint(folder)
    with np.load(folder / WEIGHTS, allow_pickle=False) as stored:
        weights = [stored[name] for name in sorted(stored.files)]
    shapes, wanted = [value.shape for value in weights], [tuple(weight.shape) for weight in model.weights]
    if shapes != wanted:
        raise DataError(str(folder), "holds the weights of another model.", "Use the config.yaml of the same run.")
    model.set_weights(weights)


def verify_checkpoint(folder: Path) -> dict[str, Any]:
    """The state of the checkpoint in `folder`, after every file of it has passed its hash.

    Raises:
        DataError: It is missing, incomplete or damaged.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(str(folder), "is no complete checkpoint.", "Train again, or name another run.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except ValueError:
        manifest = None
    if files.hash_folder(folder, skip=frozenset({MANIFEST})) != manifest:
        raise DataError(str(folder), "is damaged: a file does not match its hash.", "Use another checkpoint.")
    state: dict[str, Any] = json.loads((folder / STATE).read_text())
    return state


def read_variables(variables: Sequence[Any]) -> list[Any]:
    """Copies of the values of keras variables, as numpy arrays."""
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in variables]


def _npz(arrays: Sequence[Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **{f"{place:05d}": np.asarray(value) for place, value in enumerate(arrays)})  # type: ignore[arg-type]
    return content.getvalue()
