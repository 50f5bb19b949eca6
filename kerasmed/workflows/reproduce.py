"""kerasmed reproduce: a finished run -> the same run again, from its own record, and how far the two agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.config.load import load_run
from kerasmed.config.run import Backend, RunConfig, Tracking
from kerasmed.data.prepared import Progress
from kerasmed.errors import ConfigError, DataError
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material
from kerasmed.workflows.run_difference import RunDifference, compare_runs
from kerasmed.workflows.run_folder import read_manifest, resume_command
from kerasmed.workflows.status import COMPLETE, RUNNING, state_of
from kerasmed.workflows.train import train


@dataclass(frozen=True)
class Wish:
    """How a run shall be had again.

    Attributes:
        backend: Another backend than the run's; then nobody expects equal numbers.
        track: Let the new run write to the trackers of the first.
        anyway: Train even where data or split are others.
    """

    backend: Backend | None = None
    track: bool = False
    anyway: bool = False


def recorded_config(folder: Path, wish: Wish) -> RunConfig:
    """The config of the finished run in `folder`, as it shall run again; loads no backend.

    Raises:
        ConfigError: It is no run, or one that did not come to its end.
        DataError: Its config.yaml is not the one that it was trained by.
    """
    _require_complete(folder)
    config, manifest = load_run(folder), read_manifest(folder)
    for name in ("backend", "seed"):
        told, written = manifest.get(name), getattr(config, name)
        if told != written:
            raise DataError(
                str(folder / "config.yaml"),
                f"says {name} {written}, but the run was trained with {told}.",
                "It was changed since; put the old value back.",
            )
    changed: dict[str, Any] = {} if wish.track else {"tracking": Tracking()}
    return config.model_copy(update=changed | ({"backend": wish.backend} if wish.backend else {}))


def reproduce(
    folder: Path, config: RunConfig, places: Places, wish: Wish, progress: Progress | None = None
) -> RunDifference:
    """Train the run in `folder` again, in a folder of its own, and hold the two against each other.

    Args:
        folder: A finished run; nothing is written there.
        config: `recorded_config` of it; the backend of this process must be its own.
        places: Where data and runs lie.
        wish: How it shall be had again.
        progress: Called with (records done, records in all).

    Raises:
        DataError: Data or split are not those of the run; nothing was trained.
    """
    material = gather_material(config.dataset, config.seed, places, progress)
    if not wish.anyway:
        _refuse_other_material(folder, material)
    again, _ = train(config, places, progress, {"reproduces": folder.name})
    return compare_runs(folder, again)


def compare_finished(first: Path, second: Path) -> RunDifference:
    """Hold two runs against each other that are there already.

    Raises:
        ConfigError: One is no run, or did not come to its end.
    """
    for folder in (first, second):
        _require_complete(folder)
    return compare_runs(first, second)


def _require_complete(folder: Path) -> None:
    read_manifest(folder)
    state = state_of(folder)
    if state.status == RUNNING:
        raise ConfigError(f"{folder} is still running ({state.holder or 'by another user'}); wait for its end.")
    if state.status != COMPLETE:
        raise ConfigError(
            f"{folder} never came to its end ({state.status}), so that there is nothing to compare; "
            f"finish it first: {resume_command(folder)}"
        )


def _refuse_other_material(folder: Path, material: Material) -> None:
    """Hours of training would tell no more than this."""
    manifest, found = read_manifest(folder), material.prepared.manifest
    trained = manifest.get("data", {})
    if trained.get("fingerprint") != material.prepared.fingerprint:
        counts = [
            name for name in ("num_records", "num_examples", "quarantined") if trained.get(name) != found.get(name)
        ]
        told = "".join(f", {name} {trained.get(name)} became {found.get(name)}" for name in counts)
        raise _other(
            folder,
            "other data",
            f"{str(trained.get('fingerprint'))[:12]} became {material.prepared.fingerprint[:12]}{told}",
        )
    if manifest.get("split") != material.facts["digest"]:
        raise _other(
            folder, "another split", f"{str(manifest.get('split'))[:12]} became {material.facts['digest'][:12]}"
        )


def _other(folder: Path, what: str, told: str) -> DataError:
    return DataError(
        str(folder),
        f"was trained on {what} than these files give ({told}); nothing was trained.",
        "Name the data folder of that run with --data-dir, or insist with --anyway.",
    )
