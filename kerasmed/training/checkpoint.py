"""Checkpoints: directories with a manifest of hashes, whole or absent, never changed once they stand.

`epoch-NNNN` holds the weights as they were evaluated after an epoch, `step-NNNNNNNNN` everything to go on from a global
step. Two of the latter are kept, and the epochs that they speak of.
"""

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasmed import files
from kerasmed.errors import DataError, OtherModelError, TrainingError

if TYPE_CHECKING:
    import keras

WEIGHTS, TRAINING, STATE, MANIFEST = "weights.npz", "training.npz", "state.json", "manifest.json"
GENERATIONS = 2
EPOCH, STEP = re.compile(r"epoch-(\d{4,})"), re.compile(r"step-(\d{9,})")
log = logging.getLogger(__name__)
Array = np.ndarray


def epoch_folder(checkpoints: Path, epoch: int) -> Path:
    """Where the weights of an epoch (from 1) stand."""
    return checkpoints / f"epoch-{epoch:04d}"


def step_folder(checkpoints: Path, step: int) -> Path:
    """Where everything to go on from a global step stands."""
    return checkpoints / f"step-{step:09d}"


def save_checkpoint(folder: Path, name: str, arrays: Sequence[Array], state: dict[str, Any]) -> None:
    """Write `folder`, whole or not at all; one that stands there already is left as it is.

    Args:
        folder: Where the checkpoint is to stand.
        name: Name of the file of arrays, `WEIGHTS` or `TRAINING`.
        arrays: What it holds, in order.
        state: JSON values.
    """
    if folder.exists():
        return
    with files.committed_folder(folder) as beside:
        with (beside / name).open("xb") as file:
            np.savez(file, **{f"{place:05d}": value for place, value in enumerate(arrays)})  # type: ignore[arg-type]
        (beside / STATE).write_text(json.dumps(state, allow_nan=False))
        (beside / MANIFEST).write_text(json.dumps(files.hash_folder(beside), indent=2))


def require_finite(weights: Sequence[Array]) -> None:
    """Raise `TrainingError` where a weight is not finite; such a model is never saved."""
    if not all_finite(weights):
        raise TrainingError("weights are not finite and were not saved; lower trainer.learning_rate.")


def all_finite(arrays: Sequence[Array]) -> bool:
    """Whether every number of every array is finite."""
    return all(np.isfinite(value).all() for value in arrays)


def load_weights(folder: Path, model: "keras.Model") -> None:
    """Give `model` the weights of the checkpoint in `folder`.

    Raises:
        DataError: The checkpoint is damaged.
        OtherModelError: It belongs to another model.
    """
    verify_checkpoint(folder)
    weights = load_arrays(folder, WEIGHTS)
    shapes, wanted = [value.shape for value in weights], [tuple(weight.shape) for weight in model.weights]
    if shapes != wanted:
        raise OtherModelError(
            str(folder), "holds the weights of another model.", "Use the config.yaml of the same run."
        )
    model.set_weights(weights)


def load_arrays(folder: Path, name: str) -> list[Array]:
    """The arrays of a checkpoint that has been verified."""
    with np.load(folder / name, allow_pickle=False) as stored:
        return [stored[key] for key in sorted(stored.files)]


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
    return read_state(folder)


def read_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint."""
    state: dict[str, Any] = json.loads((folder / STATE).read_text())
    return state


def newest_step(checkpoints: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint to go on from that is whole, and its state; None where none was ever saved.

    Raises:
        DataError: There are some, and all of them are damaged.
    """
    found = sorted(_named(checkpoints, STEP), reverse=True)
    for _, folder in found:
        try:
            state = verify_checkpoint(folder)
            for epoch in _epochs_of(state):
                verify_checkpoint(epoch_folder(checkpoints, epoch))
        except DataError as error:
            log.warning("%s: %s The one before it is used.", folder.name, error)
        else:
            return folder, state
    if found:
        raise DataError(str(checkpoints), "holds only damaged checkpoints.", "Train the run again.")
    return None


def newest_epoch(checkpoints: Path) -> int:
    """The last epoch whose weights stand; 0 where none do."""
    return max((number for number, _ in _named(checkpoints, EPOCH)), default=0)


def prune(checkpoints: Path, every: int | None) -> None:
    """Remove all but the newest `GENERATIONS` steps, the epochs they speak of and every `every`-th epoch."""
    steps = sorted(_named(checkpoints, STEP), reverse=True)
    for _, folder in steps[GENERATIONS:]:
        files.remove_folder(folder)
    spoken_of = {epoch for _, folder in steps[:GENERATIONS] for epoch in _epochs_of(read_state(folder))}
    for epoch, folder in _named(checkpoints, EPOCH):
        if epoch not in spoken_of and (every is None or epoch % every):
            files.remove_folder(folder)


def forget_after(checkpoints: Path, state: dict[str, Any] | None) -> None:
    """Remove what stands beyond `state`, and what a killed process left half done: it will be made again."""
    files.sweep(checkpoints)
    epochs, step = (state["position"]["epoch"], state["global_step"]) if state else (0, -1)
    for number, folder in [*_named(checkpoints, EPOCH)]:
        if number > epochs:
            files.remove_folder(folder)
    for number, folder in [*_named(checkpoints, STEP)]:
        if number > step:
            files.remove_folder(folder)


def _epochs_of(state: dict[str, Any]) -> set[int]:
    return {state["position"]["epoch"], state["parts"]["best"]["epoch"]} - {0}


def _named(checkpoints: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    if not checkpoints.is_dir():
        return []
    matches = ((pattern.fullmatch(folder.name), folder) for folder in checkpoints.iterdir())
    return [(int(match.group(1)), folder) for match, folder in matches if match]
