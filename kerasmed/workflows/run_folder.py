"""The folder of a run: made once, never overwritten, says everything about itself."""

import json
import logging
import os
import platform
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kerasmed
from kerasmed import files, runtime
from kerasmed.config.load import load_run, resolved_yaml
from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, DataError, InterruptedRunError, KerasmedError
from kerasmed.spec import ExampleSpec
from kerasmed.training.interruption import Interruption, interruptible

if TYPE_CHECKING:
    import keras

log = logging.getLogger("kerasmed")
LOCK = "run.lock"
PACKAGES = ("keras", "jax", "torch", "tensorflow-cpu", "tensorflow", "grain", "numpy", "scipy", "scikit-learn", "wfdb")


def create_run(runs: Path, config: RunConfig, manifest: dict[str, Any]) -> Path:
    """A new folder `runs/<name>-<time>-<id>` with config.yaml and manifest.json.

    Raises:
        ConfigError: The folder cannot be made or written.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = runs / f"{config.name}-{stamp}-{uuid.uuid4().hex[:6]}"
    try:
        folder.mkdir(parents=True)
        (folder / "checkpoints").mkdir()
        (folder / "plots").mkdir()
        # A folder with a config.yaml is a run; a kill between the two must not leave one without a manifest.
        update_manifest(folder, **environment(), **manifest, status="created", started=now())
        files.write_text(folder / "config.yaml", resolved_yaml(config))
    except OSError as error:
        raise ConfigError(
            f"run folder {folder} cannot be written ({error.strerror}); name another with --runs-dir."
        ) from error
    return folder


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Nobody else trains the run in `folder` inside the block.

    Raises:
        ConfigError: Another process does; it is named.
    """
    try:
        with files.held(folder / LOCK):
            yield
    except files.HeldError as error:
        raise ConfigError(f"{folder} is being trained by {error.holder or 'another process'}; wait for it.") from error


@contextmanager
def recorded(folder: Path) -> Iterator[Interruption]:
    """Keeps log.txt, and writes into the manifest how the run ended.

    Yields what a training asks whether to end after the batch.

    Raises:
        InterruptedRunError: Ctrl-C or SIGTERM; the message holds the command that goes on.
    """
    update_manifest(folder, status="running", reason=None, ended=None)
    try:
        with _log_in(folder / "log.txt"), interruptible(lambda: _end_at_once(folder)) as interruption:
            yield interruption
    except KeyboardInterrupt:
        update_manifest(folder, status="interrupted", ended=now())
        raise InterruptedRunError(_interrupted(folder)) from None
    except BaseException as error:
        with suppress(OSError):  # a full disk must not hide what happened
            update_manifest(folder, status="failed", reason=_reason(error), ended=now())
        raise
    update_manifest(folder, status="complete", ended=now())


def _end_at_once(folder: Path) -> None:
    """For a process whose main thread is deep in native code and cannot be told; its checkpoints are whole anyway."""
    with suppress(OSError):
        update_manifest(folder, status="interrupted", ended=now())
    log.error("error: %s", _interrupted(folder))
    os._exit(InterruptedRunError.exit_code)


def _interrupted(folder: Path) -> str:
    return f"interrupted; go on with: {resume_command(folder)}"


def resume_command(folder: Path) -> str:
    """The command that goes on with the run in `folder`."""
    return shlex.join(["kerasmed", "resume", str(folder)])


@contextmanager
def _log_in(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    except BaseException as error:
        # To the file alone: on the terminal the program itself says how it ended.
        trace = None if isinstance(error, KerasmedError | KeyboardInterrupt) else sys.exc_info()
        handler.handle(log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s", (_reason(error),), trace))
        raise
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()


def _reason(error: BaseException) -> str:
    """How a run ended, in words for manifest and log."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) if isinstance(error, KerasmedError) else f"{type(error).__name__}: {error}"


def update_manifest(folder: Path, **facts: Any) -> None:
    """Add `facts` to manifest.json."""
    path = folder / "manifest.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    files.write_json(path, {**known, **facts})


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        ConfigError: `folder` is no run.
        DataError: The manifest is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file() or not (folder / "config.yaml").is_file():
        raise ConfigError(
            f"{folder} is no run folder (no config.yaml and manifest.json); `kerasmed runs list` shows them."
        )
    return read_tree(path)


def data_place(folder: Path) -> Path | None:
    """Where the run found its data; None where that is gone.

    Raises:
        ConfigError: `folder` is no run.
        DataError: The manifest is damaged.
    """
    data = read_manifest(folder).get("data")
    if not isinstance(data, dict) or not isinstance(data.get("root"), str):
        raise DataError(str(folder / "manifest.json"), "is damaged.", "Train the run again.")
    root = Path(data["root"])
    return root if root.is_dir() else None


def open_run(folder: Path) -> tuple[RunConfig, ExampleSpec]:
    """Config and spec of a run that has learned classes.

    Raises:
        ConfigError: `folder` is no run, a pretraining, or a run that never read its data.
        DataError: A file of it is damaged.
    """
    read_manifest(folder)
    spec = folder / "spec.json"
    if not spec.is_file():
        raise ConfigError(f"{folder} ended before its data were prepared; train it again.")
    config = load_run(folder)
    if config.pretraining is not None:
        raise ConfigError(
            f"{folder} is a pretraining, which knows no classes; train from it first: "
            f"kerasmed train RUN model.weights={shlex.quote(str(folder))}"
        )
    return config, ExampleSpec.from_json(read_tree(spec))


def read_tree(path: Path) -> dict[str, Any]:
    """The JSON tree of a file in a run folder.

    Raises:
        DataError: It is damaged.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(str(path), "is damaged.", "Train the run again.") from error
    if not isinstance(tree, dict):
        raise DataError(str(path), "is damaged.", "Train the run again.")
    return tree


def load_run_model(folder: Path) -> "tuple[keras.Model, RunConfig, ExampleSpec]":
    """The model of a run, of whole examples, with the weights that its config keeps, on the backend of this process.

    Raises:
        ConfigError: The run was cross-validated, so that no one model is its own.
        DataError: It has no complete checkpoint.
    """
    from kerasmed.models.windows import build_network, whole_model
    from kerasmed.training.checkpoint import epoch_folder, load_weights, newest_epoch

    config, spec = open_run(folder)
    if (folder / "folds").is_dir():
        raise ConfigError(
            f"{folder} was cross-validated: it has a model for each fold and none of its own; "
            "train again with dataset.cross_validate=false."
        )
    runtime.use_precision(config.trainer.precision)
    network = build_network(config, spec)
    # A finished run says which epoch was judged; one that ended early has its last whole epoch.
    checkpoints = folder / "checkpoints"
    epoch = read_manifest(folder).get("kept_epoch") or newest_epoch(checkpoints)
    load_weights(epoch_folder(checkpoints, epoch), network)
    return whole_model(network, spec, config.crops), config, spec


def environment() -> dict[str, Any]:
    """Versions, hardware and git commit."""
    versions = {"python": platform.python_version(), "kerasmed": kerasmed.__version__}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    hardware = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    return {"versions": versions, "hardware": hardware, "git": git_state()}


def git_state() -> dict[str, Any]:
    """Commit of the checkout that kerasmed runs from, and whether it has changes; empty where there is none to ask."""
    root = Path(kerasmed.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return {}

    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):  # no git, or one that does not trust the folder's owner
        return {}


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
