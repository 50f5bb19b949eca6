"""The folder that a finished run leaves, written in a moment and without its checkpoints."""

import json
from pathlib import Path
from typing import Any

from kerasmed.config.run import RunConfig
from kerasmed.workflows.run_folder import create_run

DIGEST, OTHER = "a" * 64, "b" * 64
ROWS = [
    {"epoch": 1, "learning_rate": 0.1, "loss": 1.0, "seconds": 1.0, "examples_per_s": 10.0, "val_loss": 1.1},
    {"epoch": 2, "learning_rate": 0.1, "loss": 0.5, "seconds": 1.0, "examples_per_s": 10.0, "val_loss": 0.8},
]


def write_finished(runs: Path, config: RunConfig) -> Path:
    """A run of two epochs, complete."""
    data = {"root": str(runs), "fingerprint": DIGEST, "num_examples": 9, "quarantined": 0}
    facts = {"backend": config.backend, "seed": config.seed, "data": data, "split": "s" * 64}
    folder = create_run(runs, config, facts)
    change(folder, "manifest.json", status="complete", weights_sha256=DIGEST, kept="best", kept_epoch=2, epochs=2)
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    report = {"metrics": {"macro_f1": estimate}, "per_class": {"V": {"f1": estimate, "support": 3}}}
    for name, tree in {"split.json": {"digest": "s" * 64}, "spec.json": {"inputs": {}}, "report.json": report}.items():
        (folder / name).write_text(json.dumps(tree))
    write_rows(folder, ROWS)
    return folder


def read(folder: Path, name: str) -> Any:
    """A JSON file of a run."""
    return json.loads((folder / name).read_text())


def change(folder: Path, name: str, **facts: object) -> None:
    """Change fields of a JSON file of a run."""
    (folder / name).write_text(json.dumps({**read(folder, name), **facts}))


def change_epoch(folder: Path, epoch: int, **logs: object) -> None:
    """Change numbers of an epoch, counted from 1."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows[epoch - 1].update(logs)
    write_rows(folder, rows)


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write a history."""
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
