"""Where things lie on this machine. A config never says; the manifest of a run does."""

from dataclasses import dataclass
from pathlib import Path

from kerasmed import runtime


@dataclass(frozen=True)
class Places:
    """Folders of one invocation: databases, runs, prepared sets."""

    data: Path
    runs: Path
    cache: Path


def find_places(data_dir: Path | None, runs_dir: Path) -> Places:
    """The places that options and environment name.

    Raises:
        ConfigError: No data folder is named, or it does not exist.
    """
    return Places(runtime.data_root(data_dir), runs_dir, runtime.cache_root())
