"""Whether a run has the disk it needs, and may write to it: asked before the first step, not found out after hours."""

import math
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError, TrainingError
from kerasmed.training.checkpoint import GENERATIONS

# History, log, plots, report, and the scores behind it.
REST_BYTES = 20_000_000
WIDE_DTYPES = ("float64", "int64", "uint64")


def require_room(folder: Path, training: int, weights: int, trainer: Trainer) -> None:
    """Refuse to start a run whose checkpoints will not fit, or whose folder cannot be written.

    Args:
        folder: Run folder.
        training: Bytes of everything that a checkpoint to go on from holds.
        weights: Bytes of the weights as evaluated.
        trainer: Decides how many epochs are kept.

    Raises:
        ConfigError: The folder cannot be written.
        TrainingError: There is no room for the run, or no file may be as large as its checkpoints.
    """
    _require_writable(folder)
    # A run that goes on has written a part of it already.
    written = sum(file.stat().st_size for file in (folder / "checkpoints").rglob("*") if file.is_file())
    needed, free = needed_bytes(training, weights, trainer) - written, shutil.disk_usage(folder).free
    if free < needed:
        raise TrainingError(
            f"{folder}: the run needs {_mb(needed)} for its checkpoints, {_mb(free)} are free; make room, name another "
            "place with --runs-dir, or keep fewer epochs (trainer.checkpoint_every)."
        )
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most != resource.RLIM_INFINITY and most < training:
        raise TrainingError(
            f"{folder}: a checkpoint takes {_mb(training)}, but a file may have {_mb(most)} here; raise `ulimit -f`."
        )


def needed_bytes(training: int, weights: int, trainer: Trainer) -> int:
    """Bytes that a run may take: its checkpoints, those being written, and a little for the rest."""
    # The best one, the newest, one being written, and those that are kept for good.
    epochs = 3 + (trainer.epochs // trainer.checkpoint_every if trainer.checkpoint_every else 0)
    return (GENERATIONS + 1) * training + epochs * weights + REST_BYTES


def variables_bytes(variables: Sequence[Any]) -> int:
    """Bytes of the values of keras variables, as a checkpoint stores them."""
    return sum(math.prod(variable.shape) * (8 if str(variable.dtype) in WIDE_DTYPES else 4) for variable in variables)


def _require_writable(folder: Path) -> None:
    # Only writing tells: permissions say nothing to root, of read-only mounts or of quotas.
    trial = folder / ".written"
    try:
        files.write_bytes(trial, b"kerasmed")
        trial.unlink()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror}); name another with --runs-dir.") from error


def _mb(size: int) -> str:
    return f"{size / 1e6:.3g} MB"
