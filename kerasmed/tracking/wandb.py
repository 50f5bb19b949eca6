"""A run in Weights & Biases: online as it goes, or offline as one folder that holds all of it."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import wandb
from wandb.errors import Error

from kerasmed import files
from kerasmed.config.run import Tracking
from kerasmed.tracking.ledger import Ledger
from kerasmed.tracking.snapshot import Snapshot

# The exit codes that W&B shows as finished, failed and killed; 255 is its own for Ctrl-C.
EXIT = {"complete": 0, "failed": 1, "interrupted": 255, "killed": 255}
OFFLINE = "offline-run-*"
# Facts of the machine and of the program stay here: W&B would send host, user, command line, packages and git remote.
SILENT: dict[str, Any] = {
    "silent": True, "console": "off", "host": "", "username": "", "email": "", "program": "", "disable_git": True,
    "disable_code": True, "save_code": False, "symlink": False, "x_disable_meta": True, "x_disable_stats": True,
    "x_disable_machine_info": True, "x_save_requirements": False,
    "init_timeout": 30.0, "finish_timeout": 60.0, "finish_timeout_raises": True,
}  # fmt: skip


class WandbTracker:
    """One run in a project; its id is the name of the run folder."""

    faults: tuple[type[Exception], ...] = (Error, OSError)

    def __init__(self, folder: Path, tracking: Tracking) -> None:
        self.folder, self.tracking = folder, tracking
        self.run: Any = None

    def send(self, run: Snapshot, ledger: Ledger) -> None:
        """Send what `ledger` lacks of `run`."""
        if self.tracking.wandb == "offline":
            self._write_offline(run, ledger)
        elif self.run is not None or ledger.lacks(run):
            self._send_online(run, ledger)

    def close(self) -> None:
        """Let go of the run; W&B takes one that nobody ended for crashed."""
        ending, self.run = self.run, None
        if ending is not None:
            with suppress(*self.faults):
                ending.finish(EXIT["killed"])

    def _write_offline(self, run: Snapshot, ledger: Ledger) -> None:
        """Once the run has ended, all of it anew: W&B cannot go on in an offline folder that exists."""
        ledger.run, ledger.facts = run.name, files.digest(dict(run.params))
        if run.ended and (ledger.lacks(run) or not any(self._folders())):
            before = self._folders()
            self._start(run)
            for row in run.rows:
                self.run.log({"epoch": row.epoch, **row.values}, step=row.epoch)
            self._end(run)
            for folder in before:
                shutil.rmtree(folder)
            ledger.rows = {}
            ledger.tell(run.rows)
            ledger.metrics = files.digest(dict(run.metrics))
        ledger.status = run.status
        ledger.save()

    def _folders(self) -> list[Path]:
        return sorted((self.folder / "wandb").glob(OFFLINE))

    def _send_online(self, run: Snapshot, ledger: Ledger) -> None:
        if self.run is None:
            ledger.run, ledger.status = run.name, "running"
            ledger.save()
            self._start(run)
            self._believe_the_server(run, ledger)
        for row in ledger.missing(run.rows):
            self.run.log({"epoch": row.epoch, **row.values}, step=max(row.epoch, self.run.step))
            ledger.tell([row])
        ledger.save()
        if run.ended:
            self._end(run)
            ledger.metrics, ledger.status = files.digest(dict(run.metrics)), run.status
            ledger.save()

    def _believe_the_server(self, run: Snapshot, ledger: Ledger) -> None:
        """W&B sends in its own time: what a killed follower noted as sent may not have arrived, and the reverse."""
        arrived: int = self.run.step
        ledger.rows = {epoch: digest for epoch, digest in ledger.rows.items() if int(epoch) < arrived}
        ledger.tell(row for row in run.rows if row.epoch < arrived and str(row.epoch) not in ledger.rows)

    def _start(self, run: Snapshot) -> None:
        settings = wandb.Settings(
            mode=self.tracking.wandb, project=self.tracking.project, root_dir=str(self.folder), run_id=run.name,
            run_name=run.name, resume="allow", **SILENT,
        )  # fmt: skip
        self.run = wandb.init(settings=settings, config={**run.params, **run.tags}, allow_val_change=True)
        self.run.define_metric("*", step_metric="epoch")

    def _end(self, run: Snapshot) -> None:
        self.run.summary.update(dict(run.metrics))
        ending, self.run = self.run, None
        ending.finish(EXIT[run.status])
