"""Run folders as a training writes them, without the minutes that a training takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.load import resolved_yaml
from kerasmed.config.run import RunConfig
from tests.fakes.small_runs import CANARY, small_config

STARTED = "2026-01-02T03:04:05+00:00"
# Holds the run and follows it as `kerasmed train` does, until it is told a line.
TRAINING = """\
import sys
from pathlib import Path
from kerasmed import files
from kerasmed.config.load import load_run
from kerasmed.tracking.follow import following
folder = Path(sys.argv[1])
with files.held(folder / "run.lock"), following(folder, load_run(folder)):
    print("trains", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


def row(epoch: int, **values: float | None) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    found = {"loss": 1 / epoch, "val_loss": 1.5 / epoch, "val_macro_f1": 0.1 * epoch, "learning_rate": 0.05}
    return {"epoch": epoch, **found, "seconds": 2.0, "examples_per_s": 100.0, **values}


def write_rows(folder: Path, *rows: dict[str, Any]) -> None:
    """metrics.jsonl and history.csv."""
    files.write_text(folder / "metrics.jsonl", "".join(json.dumps(each) + "\n" for each in rows))
    files.write_text(folder / "history.csv", "epoch,loss\n")


def change_manifest(folder: Path, **facts: Any) -> None:
    """Facts into manifest.json."""
    path = folder / "manifest.json"
    files.write_json(path, {**(json.loads(path.read_text()) if path.is_file() else {}), **facts})


def write_tracked_run(runs: Path, name: str, *words: str, epochs: int = 2, status: str = "complete") -> Path:
    """A run folder with `epochs` rows and, if it is complete, with a report; records bear the canary in their names."""
    runs.mkdir(parents=True, exist_ok=True)
    config: RunConfig = small_config(runs, *words)
    folder = runs / name
    (folder / "plots").mkdir(parents=True)
    files.write_text(folder / "config.yaml", resolved_yaml(config))
    change_manifest(
        folder, status=status, started=STARTED, backend="jax", seed=0, git={"commit": "c0ffee", "changed": True},
        versions={"kerasmed": "0.1.0"}, data={"root": f"/data/{CANARY}", "fingerprint": "f1"}, split="5911",
        weights_sha256="dead", command=f"kerasmed train --data-dir {CANARY}",
    )  # fmt: skip
    write_rows(folder, *(row(epoch + 1) for epoch in range(epochs)))
    if status == "complete":
        change_manifest(folder, ended="2026-01-02T03:05:05+00:00", kept_epoch=epochs)
        write_report(folder, 0.75)
    return folder


def write_report(folder: Path, macro_f1: float) -> None:
    """report.json and plots, one of which names records."""
    estimates = {"macro_f1": {"value": macro_f1, "low": 0.5, "high": 0.9}, "auc": {"value": None, "low": None}}
    split = {"test": {"records": [CANARY], "examples": 3}, "folds": [[CANARY]]}
    files.write_json(
        folder / "report.json",
        {
            "protocol": {"judged_on": "test"},
            "metrics": estimates,
            "split": split,
            "records": [CANARY],
            "worst": [CANARY],
        },
    )
    for name in ("confusion.png", "sensitivity_by_record.png", "worst.png"):
        files.write_bytes(folder / "plots" / name, CANARY.encode() if name != "confusion.png" else b"picture")


def start_training(folder: Path) -> "subprocess.Popen[str]":
    """A process that holds the run, as one that trains; it ends well when told a line."""
    command = [sys.executable, "-c", TRAINING, str(folder)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "trains\n"
    return child


def end_training(child: "subprocess.Popen[str]", folder: Path, status: str = "complete") -> tuple[int, str]:
    """Let the process come to its end; its exit code and what it said on stderr."""
    change_manifest(folder, status=status)
    _, said = child.communicate("done\n", timeout=60)
    return child.returncode, said
