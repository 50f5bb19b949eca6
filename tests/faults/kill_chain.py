"""A run killed again and again, each time resumed, and compared with the same run that nobody killed."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.training import checkpoint

CHECKOUT = Path(__file__).resolve().parents[2]
SAVE_EVERY = 3
KILLS_OF_A_CHAIN = 10
LONGEST_DELAY_S = 0.05
# So many steps at most go on while a late death is on its way.
STEPS_AFTER = 3
UNTIMED = ("seconds", "examples_per_s")
# Everything that draws, counts or waits is on: dropout, augmentation, plateau, early stopping.
RUN = f"""\
name: killed
dataset: {{kind: wfdb_beats, folder: ecg, examples: {{rate_hz: 90.0}}}}
model: {{kind: se_resnet1d, stem_width: 4, stem_kernel: 3, stem_stride: 4, stem_pool: false, stage_widths: [4],
  stage_blocks: [1], kernel: 3, squeeze: 4, dropout_rate: 0.2, head_dropout_rate: 0.2}}
loader: {{batch_size: 32}}
augmentation: {{amplitude_rate: 0.2, shift_samples: 2, noise: 0.02, wander: 0.1}}
trainer: {{epochs: 12, learning_rate: 0.1, schedule: plateau, plateau_patience: 1, plateau_factor: 0.5,
  early_stopping: 2, warmup_epochs: 0.5,
  save_every: {SAVE_EVERY}steps}}
evaluation: {{bootstrap: 20, batch_size: 64, explained: 0}}
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, the global step at which it began to train, and what it wrote to stderr."""

    code: int
    first_step: int | None
    said: str


@dataclass
class Chain:
    """What came of a run that was killed again and again.

    Attributes:
        backend: It ran on.
        kills: Global steps at which it was killed.
        within: How many of them lay within an epoch.
        resumes: Processes that went on.
        redone: Steps that had to be done again, at most.
        wrong: A line for each thing that was not as it should be.
    """

    backend: str
    kills: list[int] = field(default_factory=list)
    within: int = 0
    resumes: int = 0
    redone: int = 0
    wrong: list[str] = field(default_factory=list)


class Killing:
    """Runs on one backend in one folder, over the same data."""

    def __init__(self, backend: str, data: Path, base: Path) -> None:
        self.backend, self.data, self.base = backend, data, base
        base.mkdir(parents=True, exist_ok=True)
        (base / "killed.yaml").write_text(RUN)

    def straight(self) -> Path:
        """The run that nobody kills."""
        runs = self.base / "straight"
        ended = self._process(runs, None, None)
        assert ended.code == 0, ended.said
        return only_run(runs)

    def chain(self, straight: Path, name: str, kills: Sequence[tuple[int, float]]) -> Chain:
        """A run that is killed at each of these (global step, delay in seconds) in turn, then left alone."""
        runs, found = self.base / name, Chain(self.backend)
        steps = steps_per_epoch(straight)
        for step, delay_s in kills:
            run = only_run(runs) if runs.is_dir() else None
            ended = self._process(runs, run, (step, delay_s))
            found.resumes += run is not None
            _count_redone(found, ended)
            if ended.code != -signal.SIGKILL:
                found.wrong.append(f"{name}: not killed at step {step}, ended with {ended.code}: {ended.said}")
                return found
            found.kills.append(step)
            found.within += step % steps != 0
            found.wrong += [f"{name}, killed at step {step}: {line}" for line in unsound(only_run(runs))]
        ended = self._process(runs, only_run(runs), None)
        found.resumes += 1
        _count_redone(found, ended)
        if ended.code != 0:
            found.wrong.append(f"{name}: the last resume ended with {ended.code}: {ended.said}")
            return found
        found.wrong += [f"{name}: {line}" for line in differences(straight, only_run(runs))]
        return found

    def _process(self, runs: Path, run: Path | None, kill: tuple[int, float] | None) -> Ended:
        order = {
            "backend": self.backend, "config": str(self.base / "killed.yaml"), "data": str(self.data),
            "runs": str(runs), "cache": str(self.base / "cache"), "run": run and str(run), "kill": kill,
        }  # fmt: skip
        path = self.base / "order.json"
        path.write_text(json.dumps(order))
        command = [sys.executable, "-m", "tests.faults.kill_child", str(path)]
        environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        words = [json.loads(line) for line in done.stdout.splitlines()]
        first = next((word for word in words if isinstance(word, int)), None)
        return Ended(done.returncode, first, done.stderr[-2000:])


def draw_kills(straight: Path, seed: int, count: int = KILLS_OF_A_CHAIN) -> list[tuple[int, float]]:
    """`count` steps in rising order, so that each resume reaches its kill; half of the deaths are at once."""
    rng = random.Random(seed)
    total = steps_per_epoch(straight) * len(history(straight))
    last = total - STEPS_AFTER - 1
    steps = sorted(rng.sample(range(1, last), min(count, last - 1)))
    return [(step, rng.choice((0.0, rng.uniform(0.001, LONGEST_DELAY_S)))) for step in steps]


def only_run(runs: Path) -> Path:
    """The only run folder in `runs`."""
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    return folder


def steps_per_epoch(run: Path) -> int:
    """Of a run that came to its end."""
    found = checkpoint.newest_step(run / "checkpoints")
    assert found is not None
    return int(found[1]["global_step"]) // len(history(run))


def history(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, without what the clock says."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in UNTIMED} for row in rows]


def table(run: Path) -> list[dict[str, str]]:
    """The rows of history.csv, without what the clock says."""
    with (run / "history.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in UNTIMED} for row in csv.DictReader(file)]


def unsound(run: Path) -> list[str]:
    """What a kill has broken in a run folder: I1, I2 and I5 of docs/faults.md."""
    wrong = []
    for folder in sorted((run / "checkpoints").glob("[!.]*")):
        try:
            checkpoint.verify_checkpoint(folder)
        except Exception as error:  # noqa: BLE001 - whatever comes is told
            wrong.append(f"{folder.name}: {error}")
    if files.holder_of(run / "run.lock") is not None:
        wrong.append("the lock outlived its process")
    manifest = json.loads((run / "manifest.json").read_text())
    if manifest["status"] not in ("running", "complete"):
        wrong.append(f"status {manifest['status']}")
    return wrong


def differences(straight: Path, killed: Path) -> list[str]:
    """What differs between the run that nobody killed and the one that was; nothing, if all is well."""
    ours, theirs = (json.loads((run / "manifest.json").read_text()) for run in (straight, killed))
    names = ("weights_sha256", "status", "epochs", "best", "kept", "kept_epoch", "split", "parameters")
    wrong = [
        f"{name}: {ours.get(name)} became {theirs.get(name)}" for name in names if ours.get(name) != theirs.get(name)
    ]
    for name, read in (("metrics.jsonl", history), ("history.csv", table)):
        if read(straight) != read(killed):
            wrong.append(f"{name} differs: {read(straight)} became {read(killed)}")
    if [row["epoch"] for row in history(killed)] != list(range(1, len(history(straight)) + 1)):
        wrong.append("metrics.jsonl has a gap or an epoch twice")
    reports = [json.loads((run / "report.json").read_text())["metrics"] for run in (straight, killed)]
    if reports[0] != reports[1]:
        wrong.append("the metrics of report.json differ")
    left = sorted(path.name for path in killed.rglob(".*"))
    return [*wrong, *([f"left behind: {', '.join(left)}"] if left else []), *unsound(killed)]


def _count_redone(chain: Chain, ended: Ended) -> None:
    """Steps between where the last kill was and where this process began."""
    if chain.kills and ended.first_step is not None:
        chain.redone = max(chain.redone, chain.kills[-1] - ended.first_step)
