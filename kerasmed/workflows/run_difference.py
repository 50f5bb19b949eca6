"""What two finished runs have in common, and in what they differ: from their folders alone."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kerasmed.calibration import THRESHOLDS
from kerasmed.config.describe import diff
from kerasmed.config.load import DEFAULT, explain, flatten, load_run
from kerasmed.errors import DataError
from kerasmed.workflows.run_folder import read_manifest

# What a run did, a thing that decides another before it; and what may explain why it came out otherwise.
DONE = ("data", "split", "examples", "history", "weights", "metrics")
REASONS = ("settings", "environment")
# Of an epoch, what the machine took for it.
SPEED = ("epoch", "seconds", "examples_per_s")
FITTED = ("weights_sha256", "kept", "kept_epoch", "epochs")
ENVIRONMENT = ("backend", "versions", "git", "hardware")
ABSENT = "absent"

T = TypeVar("T")
Pair = tuple[T, T]
Reader = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Change:
    """A value that two runs do not share.

    Attributes:
        place: Where it stands, as in "epoch 3" or "fold 02"; "" where `name` says it all.
        name: What it is.
        first: Of the first run; "absent" where that has none.
        second: Of the other.
    """

    place: str
    name: str
    first: Any
    second: Any

    @property
    def size(self) -> float | None:
        """|first - second| of finite numbers; None of anything else."""
        if not (_is_number(self.first) and _is_number(self.second)):
            return None
        return abs(self.first - self.second)

    def to_json(self) -> dict[str, Any]:
        """JSON, in which a number that is not finite is a word."""
        values = {"first": _in_json(self.first), "second": _in_json(self.second), "difference": self.size}
        return {"place": self.place, "name": self.name, **values}


@dataclass(frozen=True)
class RunDifference:
    """Two runs, held against each other.

    Attributes:
        first: The one run.
        second: The other.
        changes: What differs, for each name in `DONE` and `REASONS`; nothing where they agree.
        remarks: What makes the answer less sure.
    """

    first: Path
    second: Path
    changes: Mapping[str, tuple[Change, ...]]
    remarks: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Everything the two runs did is equal, to the last bit."""
        return not any(self.changes[name] for name in DONE)

    @property
    def verdict(self) -> str:
        """The answer in a line: up to where they agree, and how they part."""
        if self.identical:
            return "identical: weights to the last bit, and data, split, history and metrics"
        at = next(number for number, name in enumerate(DONE) if self.changes[name])
        if DONE[at] == "data":
            return f"other data: {_told(self.changes['data'][0])}"
        equal = " and ".join(filter(None, [", ".join(DONE[: at - 1]), DONE[at - 1]]))
        parted = [_parting(name, self.changes[name]) for name in DONE[at:] if self.changes[name]]
        return f"equal {equal}; {'; '.join(parted)}"

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "identical": self.identical,
            "verdict": self.verdict,
            "first": str(self.first),
            "second": str(self.second),
            "changes": {name: [change.to_json() for change in found] for name, found in self.changes.items()},
            "remarks": list(self.remarks),
        }


def largest(changes: tuple[Change, ...]) -> Change | None:
    """The change by most; None where none is one of numbers."""
    sized = [change for change in changes if change.size is not None]
    return max(sized, key=lambda change: change.size or 0.0) if sized else None


def compare_runs(first: Path, second: Path) -> RunDifference:
    """Hold two finished runs against each other; nothing of them is loaded but their own words.

    Raises:
        ConfigError: One is no run.
        DataError: A file of one is missing or damaged.
    """
    runs = (first, second)
    changes = {
        "data": _changes(_each(runs, _data)),
        "split": _changes(_each(runs, _split)),
        "examples": _changes(_each(runs, lambda folder: _read(folder / "spec.json"))),
        "history": _by_part(runs, _history),
        "weights": _by_part(runs, _fitted),
        "metrics": _changes(_each(runs, _metrics)),
        "settings": _settings(first, second),
        "environment": _changes(_each(runs, _environment)),
    }
    return RunDifference(first, second, changes, _remarks(runs))


def _remarks(runs: Pair[Path]) -> tuple[str, ...]:
    remarks = [
        f"{folder.name} went on with changes: {', '.join(entry['changes'])}"
        for folder in runs
        for entry in read_manifest(folder).get("resumes", [])
        if entry.get("changes")
    ]
    if any(read_manifest(folder).get("git", {}).get("changed") for folder in runs):
        remarks.append("kerasmed ran with changes that are in no commit, so that equal commits may be other code")
    calibrated = [folder.name for folder in runs if (folder / THRESHOLDS).is_file()]
    if len(calibrated) == 1:
        remarks.append(f"{calibrated[0]} was calibrated after its training, which changes its scores and their metrics")
    missing = _unwritten(runs[0])
    if missing:
        remarks.append(f"not in the first run's config.yaml, so that today's defaults hold: {', '.join(missing)}")
    return tuple(remarks)


def _unwritten(folder: Path) -> tuple[str, ...]:
    """Settings that decide what a run does and that its config.yaml, written by an older version, does not name."""
    fields = (field.path for field in explain(folder) if field.place == DEFAULT)
    return tuple(path for path in fields if not path.startswith(("tracking.", "calibration.")))


def _settings(first: Path, second: Path) -> tuple[Change, ...]:
    """Trackers change nothing, and the backend is told with the environment."""
    found = diff(load_run(first), load_run(second))
    told = [entry for entry in found if entry.path != "backend" and not entry.path.startswith("tracking.")]
    return tuple(Change("", entry.path, entry.left, entry.right) for entry in told)


def _by_part(runs: Pair[Path], read: Reader) -> tuple[Change, ...]:
    """Changes of the run, or of each fold of one that was cross-validated."""
    names = sorted({path.name for folder in runs for path in (folder / "folds").glob("*")})
    if not names:
        return _changes(_each(runs, read))
    found: list[Change] = []
    for name in names:
        first, second = (folder / "folds" / name for folder in runs)
        found += _changes(_each((first, second), read), f"fold {name}")
    return tuple(found)


def _each(runs: Pair[Path], read: Reader) -> Pair[dict[str, Any]]:
    first, second = runs
    return read(first), read(second)


def _data(folder: Path) -> dict[str, Any]:
    found = read_manifest(folder).get("data", {})
    return _without(_having("fingerprint", found, folder / "manifest.json"), ("root",))


def _environment(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    return {name: manifest.get(name) for name in ENVIRONMENT}


def _history(folder: Path) -> dict[str, Any]:
    """Epoch to its numbers, without its speed."""
    if not folder.is_dir():
        return {}
    path = folder / "metrics.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {f"epoch {row['epoch']}": _without(row, SPEED) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error


def _fitted(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        return {}
    path = folder / "manifest.json"
    manifest = _having("weights_sha256", _read(path), path)
    return {name: manifest.get(name) for name in FITTED}


def _metrics(folder: Path) -> dict[str, Any]:
    """Estimates of the report: of all examples, and by class."""
    path = folder / "report.json"
    report = _read(path)
    try:
        return {**report["metrics"], **{f"class {name}": row for name, row in report["per_class"].items()}}
    except (KeyError, AttributeError) as error:
        raise _damaged(path) from error


def _split(folder: Path) -> dict[str, Any]:
    path = folder / "split.json"
    facts = _having("digest", _read(path), path)
    return {name: facts.get(name) for name in ("digest", "folds")}


def _changes(trees: Pair[dict[str, Any]], place: str = "") -> tuple[Change, ...]:
    """Leaves of two JSON trees that differ, in the order of the first."""
    ours, theirs = (dict(flatten(tree)) for tree in trees)
    return tuple(
        Change(", ".join(filter(None, [place, *path[:-1]])), path[-1], ours.get(path, ABSENT), theirs.get(path, ABSENT))
        for path in dict.fromkeys([*ours, *theirs])
        if not _equal(ours.get(path, ABSENT), theirs.get(path, ABSENT))
    )


def _equal(first: Any, second: Any) -> bool:
    """A loss that was no number in both runs is no difference."""
    return first == second or (first != first and second != second)


def _parting(name: str, changes: tuple[Change, ...]) -> str:
    """How one thing that the runs did differs, in words."""
    differ = "differs" if name in ("split", "history") else "differ"
    if name not in ("history", "metrics"):
        return f"{name} {differ}"
    most = largest(changes)
    size = f" (largest |difference| {most.size:.2g}, of {_path(most)})" if most else ""
    where = f" from {changes[0].place}" if name == "history" else ""
    return f"{name} {differ}{where}{size}"


def _path(change: Change) -> str:
    return f"{change.place}, {change.name}" if change.place else change.name


def _told(change: Change) -> str:
    return f"{change.name} {_short(change.first)} became {_short(change.second)}"


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text


def _without(tree: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name not in names}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _in_json(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(tree, dict):
        raise _damaged(path)
    return tree


def _having(name: str, tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """What neither of two runs has is not equal in them."""
    if name not in tree:
        raise _damaged(path)
    return tree


def _damaged(path: Path) -> DataError:
    return DataError(str(path), "is missing or damaged,", "so that this run cannot be compared.")
