"""What trackers wrote, read back by their own libraries."""

import os
import struct
import sys
import types
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, 7


def client_of(uri: str) -> Any:
    """The MLflow of an address, that tells nobody of itself."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    return MlflowClient(uri)


def mlflow_of(runs: Path) -> Any:
    """The MLflow of the database beside runs."""
    return client_of(f"sqlite:///{runs / 'mlflow.db'}")


def runs_of(client: Any) -> dict[str, Any]:
    """Name to run of every run in the experiment `kerasmed`."""
    found = client.search_runs([client.get_experiment_by_name("kerasmed").experiment_id])
    assert len({run.info.run_name for run in found}) == len(found), "a run is there twice"
    return {run.info.run_name: run for run in found}


def points_of(client: Any, run: Any, metric: str) -> list[tuple[int, float]]:
    """Step and value of every point."""
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric)]


def tensorboard_of(folder: Path) -> Any:
    """The event files of a run as TensorBoard reads them."""
    # TensorBoard would import TensorFlow, which takes seconds; this name tells it not to.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "tensorboard")).Reload()


def scalars_of(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Step and value of every point that TensorBoard shows."""
    return [(point.step, round(point.value, 6)) for point in tensorboard_of(folder).Scalars(tag)]


def wandb_of(folder: Path) -> list[Any]:
    """The records of the one offline run of a folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (folder / "wandb").glob("offline-run-*/run-*.wandb")
    records = []
    for content in _records(path.read_bytes()):
        record = Record()
        record.ParseFromString(content)
        records.append(record)
    return records


def history_of(records: list[Any]) -> list[dict[str, str]]:
    """Name to JSON of every row of history."""
    found = [record.history for record in records if record.WhichOneof("record_type") == "history"]
    return [{item.key or ".".join(item.nested_key): item.value_json for item in row.item} for row in found]


def _records(content: bytes) -> list[bytes]:
    """The records of a file in LevelDB's log format, behind a header of seven bytes."""
    records, part, place = [], b"", HEADER
    while place < len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        part += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            records.append(part)
            part = b""
    return records
