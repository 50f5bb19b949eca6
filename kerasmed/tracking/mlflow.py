"""A run in MLflow: parameters, metrics by epoch, evidence as tags, files; by its client alone, no global state."""

import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from kerasmed import files
from kerasmed.config.run import Tracking
from kerasmed.tracking.kinds import ARTEFACTS, mlflow_uri
from kerasmed.tracking.ledger import Ledger
from kerasmed.tracking.snapshot import Row, Snapshot, public_files

STATUS = {"running": "RUNNING", "complete": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "killed": "KILLED"}
# MLflow takes no more in one batch: https://mlflow.org/docs/latest/api_reference/rest-api.html (log batch).
MAX_METRICS, MAX_PARAMS, MAX_PARAM_LENGTH = 1000, 100, 6000
# Opens the experiment as one of trainings; without it MLflow shows what belongs to language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
GONE = "RESOURCE_DOES_NOT_EXIST"


class MlflowTracker:
    """One run in an experiment named after the project."""

    faults: tuple[type[Exception], ...] = (MlflowException, SQLAlchemyError, OSError)

    def __init__(self, folder: Path, tracking: Tracking) -> None:
        self.folder, self.project = folder, tracking.project
        self.runs = folder.resolve().parent
        self.uri = mlflow_uri(tracking, self.runs)
        self.client: Any = None
        self.experiment = ""

    def send(self, run: Snapshot, ledger: Ledger) -> None:
        """Send what `ledger` lacks of `run`."""
        if self.client is None:
            self._connect()
        self._find_run(run, ledger)
        self._send_facts(run, ledger)
        self._send_rows(ledger.missing(run.rows), ledger)
        if run.ended:
            self._send_metrics(run, ledger)
            self._send_files(ledger)
        if ledger.status != run.status:
            end = run.ended_ms if run.status != "killed" else None
            if run.ended:
                self.client.set_terminated(ledger.run, STATUS[run.status], end)
            else:
                self.client.update_run(ledger.run, STATUS[run.status])
            ledger.status = run.status
            ledger.save()

    def close(self) -> None:
        """Nothing is held."""

    def _connect(self) -> None:
        """Client and experiment. The first process to open a fresh database makes its tables; the others wait for it.

        Unprotected, 7 of 8 processes that start together die in the migration.
        """
        with files.locked(self._lock()):
            client = MlflowClient(self.uri, registry_uri=self.uri)
            found = client.get_experiment_by_name(self.project)
            self.experiment = found.experiment_id if found else self._create_experiment(client)
        self.client = client

    def _lock(self) -> Path:
        address = urlsplit(self.uri)
        beside = Path(address.path[1:]) if address.scheme == "sqlite" else self.runs / "mlflow"
        return beside.with_name(f".{beside.name}.lock")

    def _create_experiment(self, client: Any) -> str:
        # A server keeps artefacts where it likes; a client that writes to a database itself says where.
        served = urlsplit(self.uri).scheme in ("http", "https")
        try:
            return client.create_experiment(self.project, None if served else str(self.runs / ARTEFACTS), KIND)
        except MlflowException:
            found = client.get_experiment_by_name(self.project)  # another machine was quicker
            if found is None:
                raise
            return found.experiment_id

    def _find_run(self, run: Snapshot, ledger: Ledger) -> None:
        """The run that the ledger names, else one that carries our tag, else a new one."""
        if ledger.run and self._is_there(ledger.run):
            return
        ledger.forget()
        ledger.status = "running"  # written before the run is made, so that whoever comes after a kill looks for it
        ledger.save()
        tagged = f"tags.\"kerasmed.run\" = '{run.name}'"
        found = self.client.search_runs([self.experiment], tagged, max_results=1)
        if found:
            ledger.run = found[0].info.run_id
            ledger.status = ""
        else:
            made = self.client.create_run(self.experiment, run.started_ms, {"kerasmed.run": run.name}, run.name)
            ledger.run = made.info.run_id
        ledger.save()

    def _is_there(self, run_id: str) -> bool:
        try:
            return self.client.get_run(run_id).info.lifecycle_stage == "active"
        except MlflowException as error:
            if error.error_code == GONE:
                return False
            raise

    def _send_facts(self, run: Snapshot, ledger: Ledger) -> None:
        facts = files.digest({"params": dict(run.params), "tags": dict(run.tags)})
        if ledger.facts == facts:
            return
        known = self.client.get_run(ledger.run).data.params
        wanted = {name: value[:MAX_PARAM_LENGTH] for name, value in run.params.items()}
        new = [Param(name, value) for name, value in wanted.items() if name not in known]
        for start in range(0, len(new), MAX_PARAMS):
            self.client.log_batch(ledger.run, params=new[start : start + MAX_PARAMS])
        # MLflow keeps the first value of a parameter for ever; a run resumed with another one says so in a tag.
        changed = {f"resumed.{name}": value for name, value in wanted.items() if known.get(name, value) != value}
        commit = {"mlflow.source.git.commit": run.tags["git.commit"]} if "git.commit" in run.tags else {}
        tags = {**run.tags, **changed, **commit, "mlflow.source.name": "kerasmed", "mlflow.source.type": "LOCAL"}
        self.client.log_batch(ledger.run, tags=[RunTag(name, value) for name, value in tags.items()])
        ledger.facts = facts
        ledger.save()

    def _send_rows(self, rows: Iterable[Row], ledger: Ledger) -> None:
        for row in rows:
            # A changed row joins the old point at its epoch; MLflow shows the one with the later time.
            again = str(row.epoch) in ledger.rows
            self._send_numbers(ledger.run, row.values, row.epoch, _now_ms() if again else row.time_ms)
            ledger.tell([row])
            ledger.save()

    def _send_metrics(self, run: Snapshot, ledger: Ledger) -> None:
        found = files.digest(dict(run.metrics))
        if run.metrics and ledger.metrics != found:
            self._send_numbers(ledger.run, run.metrics, run.last_epoch, run.ended_ms or _now_ms())
        ledger.metrics = found

    def _send_numbers(self, run_id: str, values: Mapping[str, float], step: int, time_ms: int) -> None:
        metrics = [Metric(name, value, time_ms, step) for name, value in values.items()]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(run_id, metrics=metrics[start : start + MAX_METRICS])

    def _send_files(self, ledger: Ledger) -> None:
        found = public_files(self.folder)
        hashes = {name: files.digest(content.hex()) for name, content in found.items()}
        new = {name: content for name, content in found.items() if ledger.files.get(name) != hashes[name]}
        if not new:
            return
        with tempfile.TemporaryDirectory(prefix="kerasmed-track-") as scratch:
            for name, content in new.items():
                path = Path(scratch, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(ledger.run, scratch)
        ledger.files = hashes
        ledger.save()


def _now_ms() -> int:
    return round(1000 * time.time())
