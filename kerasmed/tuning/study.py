"""The folder of a study: what is searched, on which data; changed, it would be another study."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.describe import diff_trees
from kerasmed.config.load import load_run, resolved_yaml
from kerasmed.config.run import RunConfig
from kerasmed.config.space import Space, load_space
from kerasmed.config.strict_yaml import write_text
from kerasmed.errors import ConfigError
from kerasmed.training.monitor import lower_is_better
from kerasmed.tuning.records import TRIALS, TrialRecord, set_aside

log = logging.getLogger(__name__)
STUDY, BASE, SPACE_FILE, LOCK = "study.json", "base.yaml", "space.yaml", "study.lock"
RUNS, LOGS, KEYS, COMPILED = "runs", "logs", "keys", "compiled"


@dataclass(frozen=True)
class Study:
    """What is searched.

    Attributes:
        folder: Of the study.
        base: The run that every trial changes.
        space: Its settings that are searched, and how.
    """

    folder: Path
    base: RunConfig
    space: Space

    @property
    def objective(self) -> str:
        """The metric of an epoch that is searched for."""
        return self.space.search.objective or self.base.trainer.monitor

    @property
    def direction(self) -> str:
        """Whether it is to be small ("min") or large ("max")."""
        return self.space.search.direction or ("min" if lower_is_better(self.objective) else "max")

    @property
    def runs(self) -> Path:
        """The folder of the trials' runs."""
        return self.folder / RUNS

    def settings_of(self, record: TrialRecord) -> dict[str, Any]:
        """Path to setting of a trial."""
        return self.space.settings(record.drawn)

    def key_of(self, settings: Mapping[str, Any]) -> str:
        """What the run of a trial is known by: trials of the same settings share it, however long they train."""
        return files.digest(dict(settings))[:16]

    def words_of(self, settings: Mapping[str, Any], epochs: int | None) -> tuple[str, ...]:
        """What makes the base run a trial."""
        ends = [] if epochs is None or epochs >= self.base.trainer.epochs else [f"trainer.stop_after={epochs}"]
        return (*self.space.words(settings), *ends)

    def config_of(self, settings: Mapping[str, Any], epochs: int | None = None) -> RunConfig:
        """The run of a trial."""
        return load_run(self.folder / BASE, self.words_of(settings, epochs))


@contextmanager
def claimed_study(folder: Path) -> Iterator[None]:
    """Nobody else searches in `folder` inside the block.

    Raises:
        ConfigError: Another process does; it is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with files.held(folder / LOCK):
            yield
    except files.HeldError as error:
        raise ConfigError(f"{folder} is being searched by {error.holder or 'another process'}; wait for it.") from error


def open_study(study: Study, data: Mapping[str, str]) -> None:
    """Begin the study in its folder, or go on with it.

    Args:
        study: What is to be searched.
        data: What is known of the data: fingerprint and split.

    Raises:
        ConfigError: The folder holds a study of another run, another space or other data.
    """
    for name in (TRIALS, RUNS, LOGS, KEYS):
        (study.folder / name).mkdir(parents=True, exist_ok=True)
    files.sweep(study.folder)
    refuse_changes(study, data)
    written = {
        BASE: resolved_yaml(study.base),
        SPACE_FILE: write_text(study.space.to_json()),
        STUDY: json.dumps({"data": dict(data)}, indent=2) + "\n",  # the last: workers wait for it
    }
    for name, text in written.items():
        if not (study.folder / name).is_file():
            files.write_text(study.folder / name, text)


def refuse_changes(study: Study, data: Mapping[str, str]) -> None:
    """Hold what is to be searched against what the study began with; what cannot be read of it is set aside.

    Raises:
        ConfigError: They differ.
    """
    pairs: list[tuple[str, Any, Any]] = [
        (BASE, _stored(study.folder / BASE, _read_base), study.base.model_dump(mode="json")),
        (SPACE_FILE, _stored(study.folder / SPACE_FILE, _read_space), study.space.to_json()),
        (STUDY, _stored(study.folder / STUDY, _read_json), {"data": dict(data)}),
    ]
    changes = [
        f"  {'data: ' if name == STUDY else ''}{entry.path}: {entry.left} -> {entry.right}"
        for name, before, found in pairs
        if before is not None
        for entry in diff_trees(before, found)
    ]
    if changes:
        listed = "\n".join(changes)
        raise ConfigError(
            f"{study.folder} began otherwise, and trials of two studies cannot be compared:\n{listed}\n"
            "Undo the change, or begin a new study with --study NAME."
        )


def _stored(path: Path, read: Any) -> Any:
    if not path.is_file():
        return None
    try:
        return read(path)
    except (ConfigError, OSError, ValueError, KeyError):
        set_aside(path)
        return None


def _read_base(path: Path) -> dict[str, Any]:
    return load_run(path).model_dump(mode="json")


def _read_space(path: Path) -> dict[str, Any]:
    return load_space(str(path)).to_json()


def _read_json(path: Path) -> dict[str, Any]:
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {"data": {name: str(tree["data"][name]) for name in ("fingerprint", "split")}}
