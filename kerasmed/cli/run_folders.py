"""The folders of runs as a reader meets them: found by name, read even where a run ended early."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.config.network import RUN
from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, unknown
from kerasmed.workflows.status import State, state_of

LATEST = "latest"
# The number that a list of runs shows: the first of these that the report has.
HEADLINES = ("macro_f1", "macro_auc", "auc", "accuracy")


@dataclass(frozen=True)
class Epochs:
    """How far a run has come.

    Attributes:
        done: Whole epochs; of the fold under way where the run is cross-validated.
        planned: Epochs that the config asks for; None where it cannot be read.
        fold: The fold under way, or the last one; None where the run is not cross-validated.
        folds: How many folds there will be.
    """

    done: int
    planned: int | None
    fold: int | None = None
    folds: int | None = None

    def __str__(self) -> str:
        fold = f"fold {self.fold}/{self.folds or '?'}, " if self.fold is not None else ""
        return f"{fold}{self.done}/{self.planned or '?'}"


@dataclass(frozen=True)
class RunFolder:
    """What a run left behind.

    Attributes:
        folder: The run.
        config: config.yaml as a JSON tree; empty where it cannot be read.
        state: Its true status, and manifest.json.
        report: report.json; empty where the run has none.
    """

    folder: Path
    config: dict[str, Any]
    state: State
    report: dict[str, Any]

    @property
    def manifest(self) -> dict[str, Any]:
        """manifest.json; empty where it cannot be read."""
        return self.state.manifest

    @property
    def epochs(self) -> Epochs:
        """How far it has come."""
        planned = _number(self.config, "trainer", "epochs")
        folds = sorted(path for path in (self.folder / "folds").glob("*") if path.is_dir())
        if not folds:
            return Epochs(_num_rows(self.folder), planned)
        return Epochs(_num_rows(folds[-1]), planned, len(folds), _number(self.config, "dataset", "num_folds"))

    @property
    def started(self) -> str:
        """Time of its start in ISO 8601, UTC; "" where nobody knows."""
        return str(self.manifest.get("started", ""))

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Name to `{value, low, high}`."""
        metrics: dict[str, dict[str, Any]] = self.report.get("metrics", {})
        return metrics

    @property
    def headline(self) -> str | None:
        """The name of the metric that a list shows; None where there is no report."""
        return next((name for name in HEADLINES if name in self.metrics), None)


def list_runs(runs: Path) -> list[RunFolder]:
    """The runs in a folder, the oldest first; none where there is no such folder."""
    folders = (path.parent for path in runs.glob("*/config.yaml"))
    return sorted(map(read_run, folders), key=lambda run: (run.started, run.folder.name))


def read_run(folder: Path) -> RunFolder:
    """What can be read of a run."""
    return RunFolder(folder, _config(folder / "config.yaml"), state_of(folder), _json(folder / "report.json"))


def find_run(runs: Path, name: str) -> Path:
    """The folder of a run.

    Args:
        runs: The folder of the runs.
        name: A folder, the name of one in `runs`, a beginning that only one has, or "latest".

    Raises:
        ConfigError: No run is meant, or several are.
    """
    for folder in (Path(name).expanduser(), runs / name):
        if (folder / "config.yaml").is_file():
            return folder
    known = [run.folder for run in list_runs(runs)]
    if not known:
        raise ConfigError(f"no run {name!r}: {runs} holds none; name a run folder, or the right --runs-dir.")
    if name == LATEST:
        return known[-1]
    matching = [folder for folder in known if folder.name.startswith(name)]
    if not matching:
        raise unknown("run", name, [folder.name for folder in known])
    if len(matching) > 1:
        raise ConfigError(f"run {name!r} could be any of {', '.join(folder.name for folder in matching)}.")
    return matching[0]


def with_found_run(config: RunConfig, runs: Path) -> RunConfig:
    """`config`, in which `model.weights=run:NAME` has become the folder of that run.

    Raises:
        ConfigError: No run is meant, or several are.
    """
    named = getattr(config.model, "weights", None)
    if named is None or not named.startswith(RUN):
        return config
    found = str(find_run(runs, named.removeprefix(RUN)).resolve())
    return config.model_copy(update={"model": config.model.model_copy(update={"weights": found})})


def latest_of(runs: Path, name: str) -> Path | None:
    """The newest run whose settings give it this name; None where there is none. A reproduction is another run's."""
    own = [run for run in list_runs(runs) if run.config.get("name") == name and "reproduces" not in run.manifest]
    return own[-1].folder if own else None


def _number(config: dict[str, Any], section: str, field: str) -> int | None:
    written = config.get(section)
    value = written.get(field) if isinstance(written, dict) else None
    return value if isinstance(value, int) else None


def _num_rows(folder: Path) -> int:
    """Epochs in the history of a run or a fold."""
    try:
        return (folder / "metrics.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def _config(path: Path) -> dict[str, Any]:
    from kerasmed.config.strict_yaml import read_file

    try:
        tree: dict[str, Any] = read_file(path).plain()
    except ConfigError:
        return {}
    return tree


def _json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
