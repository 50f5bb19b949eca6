"""Runs small enough to train in a test: simulated records of six people, and a network of some hundred weights."""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.cli import run
from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.evaluation.report import Report
from kerasmed.workflows.places import Places

# Stands in the name of the data folder and of every patient; what leaves the machine must not hold it.
CANARY = "ZZCANARY"
RECORDS = tuple(f"S{number:03d}" for number in range(1, 9))
SMALL = """\
dataset: {kind: wfdb_beats, folder: ecg, examples: {rate_hz: 90.0}}
model: {kind: se_resnet1d, stem_width: 4, stem_kernel: 3, stem_stride: 4, stem_pool: false, stage_widths: [4],
  stage_blocks: [1], kernel: 3, squeeze: 4, dropout_rate: 0.0, head_dropout_rate: 0.0}
loader: {batch_size: 32}
trainer: {epochs: 2, optimizer: sgd, learning_rate: 0.05, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 20, batch_size: 64, explained: 0}
"""


@dataclass(frozen=True)
class TrainedRun:
    """A run that came to its end, and where its data lie."""

    folder: Path
    config: RunConfig
    report: Report
    places: Places


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def tree(self) -> Any:
        """What was said as JSON."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines that tell of an error."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def write_small_records(root: Path) -> Path:
    """Write eight records of six people into `root`/ecg; the patients' names hold the canary."""
    from kerasmed.data.simulate.ecg_beats import simulate_ecg_beats

    for header in simulate_ecg_beats(root / "ecg", num_patients=6, duration_s=60, seed=1):
        header.write_text(header.read_text().replace("patient: ", f"patient: {CANARY} "))
    return root


def write_small_run(folder: Path) -> Path:
    """The run file small.yaml in `folder`."""
    path = folder / "small.yaml"
    path.write_text(SMALL)
    return path


def small_config(folder: Path, *words: str) -> RunConfig:
    """The small run, changed by words."""
    return load_run(write_small_run(folder), words)


def killed(run: TrainedRun, target: Path) -> Path:
    """A copy of a run of two epochs in `target`/<its name>, as a kill within its second epoch would have left it."""
    folder = Path(shutil.copytree(run.folder, target / run.folder.name))
    (_, last) = sorted((folder / "checkpoints").glob("step-*"))
    shutil.rmtree(last)
    for page in folder.glob("report.*"):
        page.unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("ended", "epochs", "kept", "kept_epoch", "best", "weights_sha256"):
        del manifest[name]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    return folder


def copied(root: Path, target: Path) -> Path:
    """A copy of a data root, to be spoilt."""
    return Path(shutil.copytree(root, target))


def say(*words: object) -> Said:
    """Run the program in this process, where no test fixture is at hand that would catch what it says."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(word) for word in words])
    return Said(code, out.getvalue(), err.getvalue())
