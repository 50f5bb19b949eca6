"""What a run folder says at one moment, in the form that trackers are told it."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kerasmed import files
from kerasmed.config.load import flatten
from kerasmed.config.strict_yaml import read_file, write_text
from kerasmed.errors import ConfigError
from kerasmed.public import left_out, public_config, public_facts, without_records

Status = Literal["running", "complete", "failed", "interrupted", "killed"]
RUN_LOCK = "run.lock"
# How long an epoch took differs whenever it is done again; that alone makes no other row.
SPEED = ("seconds", "examples_per_s")
# Of the manifest; whatever else it comes to hold stays on the machine.
FACTS = (
    "backend", "seed", "versions", "hardware", "git", "data", "split", "parameters", "epochs", "kept", "kept_epoch",
    "best", "weights_sha256", "started",
)  # fmt: skip
# The other pictures show records by name.
PLOTS = ("history.png", "confusion.png", "reliability.png", "roc.png", "precision_and_recall.png")


@dataclass(frozen=True)
class Row:
    """An epoch: from 1; its finite numbers by name; a digest that does not know how long it took; its time."""

    epoch: int
    values: Mapping[str, float]
    digest: str
    time_ms: int


@dataclass(frozen=True)
class Snapshot:
    """A run as trackers are told of it; names no record, no patient and no place of this machine.

    Attributes:
        name: Of its folder.
        params: Settings by path, as text.
        tags: Evidence: commit, fingerprints, backend, versions.
        rows: The epochs, in their order.
        metrics: Of the report, by plain name after the split that was judged; empty where there is none. Their
            intervals are in its file: as numbers beside the others they would be two thirds of all charts.
        status: How the run is, or how it ended.
        started_ms: Unix time of its start.
        ended_ms: Unix time of its end; None where nobody wrote it down.
    """

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    rows: tuple[Row, ...]
    metrics: Mapping[str, float]
    status: Status
    started_ms: int
    ended_ms: int | None

    @property
    def ended(self) -> bool:
        """Nothing trains it any more."""
        return self.status != "running"

    @property
    def last_epoch(self) -> int:
        """Number of the last whole epoch; 0 where there is none."""
        return self.rows[-1].epoch if self.rows else 0


def trains(folder: Path) -> bool:
    """A process holds the run: it trains, or is just writing down how it ended."""
    return files.holder_of(folder / RUN_LOCK) is not None


def status_of(folder: Path) -> Status:
    """How the run ended, "running" while it has not; a run that nobody holds and that wrote no end was killed."""
    written = read_tree(folder / "manifest.json").get("status")
    if written in ("complete", "failed", "interrupted"):
        return written
    return "running" if trains(folder) else "killed"


def read_snapshot(folder: Path, status: Status | None = None) -> Snapshot:
    """What the folder says now.

    Args:
        folder: Of the run.
        status: For a caller who knows better than the manifest: a run just resumed still has its former end there.

    Raises:
        ConfigError: The folder has no config that can be read.
    """
    manifest = read_tree(folder / "manifest.json")
    config = read_file(folder / "config.yaml").plain()
    if not isinstance(config, dict):
        raise ConfigError(f"{folder / 'config.yaml'} holds no settings.")
    started_ms = _milliseconds(manifest.get("started")) or 0
    return Snapshot(
        name=folder.resolve().name,
        params={".".join(path): _as_text(value) for path, value in flatten(public_config(config))},
        tags=_tags(folder.resolve().name, manifest),
        rows=tuple(_rows(_lines(folder / "metrics.jsonl"), started_ms)),
        metrics=_metrics(read_tree(folder / "report.json")),
        status=status or status_of(folder),
        started_ms=started_ms,
        ended_ms=_milliseconds(manifest.get("ended")),
    )


def public_files(folder: Path) -> dict[str, bytes]:
    """Name to content of the files that a tracker keeps of a run that has ended."""
    config = read_file(folder / "config.yaml").plain()
    note = f"# Left out, since this copy has left the machine: {', '.join(left_out(config)) or 'nothing'}\n"
    found = {"config.yaml": (note + write_text(public_config(config))).encode()}
    manifest = public_manifest(read_tree(folder / "manifest.json"))
    found["manifest.json"] = json.dumps(manifest, indent=2).encode()
    report = read_tree(folder / "report.json")
    if report:
        found["report.json"] = json.dumps(without_records(report), indent=2).encode()
    for path in (folder / "history.csv", *(folder / "plots" / name for name in PLOTS)):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def public_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a manifest that say how the model was made, and nothing of where."""
    known = {name: manifest[name] for name in FACTS if name in manifest}
    return public_facts({"data": {}, **known})


def read_tree(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is missing or cannot be read."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines; a last one that is still being written comes with the next look."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("epoch"), int):
            found.append(row)
    return found


def _rows(lines: Iterable[Mapping[str, Any]], started_ms: int) -> list[Row]:
    """Rows with times that follow from the folder alone, so that a point that is sent twice is the same point."""
    rows, time_ms = [], started_ms
    for line in lines:
        values = {name: float(value) for name, value in line.items() if name != "epoch" and _is_finite(value)}
        time_ms += max(1, round(1000 * values.get("seconds", 0.0)))
        lasting = {name: value for name, value in values.items() if name not in SPEED}
        rows.append(Row(line["epoch"], values, files.digest(lasting), time_ms))
    return rows


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tags(name: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    git, data, versions = (manifest.get(key) or {} for key in ("git", "data", "versions"))
    backend = str(manifest.get("backend", ""))
    found = {
        "kerasmed.run": name,
        "kerasmed.version": versions.get("kerasmed"),
        "kerasmed.backend": backend,
        "kerasmed.data_fingerprint": data.get("fingerprint"),
        "kerasmed.split_digest": manifest.get("split"),
        "kerasmed.weights_sha256": manifest.get("weights_sha256"),
        "kerasmed.kept_epoch": manifest.get("kept_epoch"),
        "git.commit": git.get("commit"),
        "git.dirty": git.get("changed"),
    }
    return {tag: _as_text(value) for tag, value in found.items() if value not in (None, "")}


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    split = report.get("protocol", {}).get("judged_on", "test")
    values = {f"{split}_{name}": estimate.get("value") for name, estimate in report.get("metrics", {}).items()}
    return {name: float(value) for name, value in values.items() if _is_finite(value)}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _milliseconds(written: Any) -> int | None:
    try:
        return round(1000 * datetime.fromisoformat(written).timestamp())
    except (TypeError, ValueError):
        return None
