"""Which trackers a run has, where each of them writes, and whether this machine can."""

import importlib.util
from pathlib import Path
from typing import Literal

from kerasmed.config.run import Tracking
from kerasmed.errors import MissingPackageError

Kind = Literal["tensorboard", "mlflow", "wandb"]
PACKAGES: dict[Kind, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
EXTRA = "track"
DATABASE = "mlflow.db"
ARTEFACTS = "mlflow-artifacts"


def trackers_on(tracking: Tracking) -> tuple[Kind, ...]:
    """The trackers that a run asks for."""
    on: dict[Kind, bool] = {
        "tensorboard": tracking.tensorboard, "mlflow": tracking.mlflow, "wandb": tracking.wandb != "disabled"
    }  # fmt: skip
    return tuple(kind for kind, wanted in on.items() if wanted)


def check_trackers(tracking: Tracking) -> None:
    """Refuse a run whose trackers cannot work, before hours are spent.

    Raises:
        MissingPackageError: The library of a tracker is not installed.
    """
    for kind in trackers_on(tracking):
        if importlib.util.find_spec(PACKAGES[kind]) is None:
            raise MissingPackageError(PACKAGES[kind], EXTRA, f"tracking.{kind}")


def target_of(kind: Kind, tracking: Tracking) -> str:
    """Where a tracker writes, in words that hold on every machine: the run's own folder, or an address."""
    if kind == "tensorboard":
        return "tensorboard in the run folder"
    if kind == "wandb":
        return f"{tracking.wandb} project {tracking.project}"
    return f"{tracking.mlflow_uri or f'{DATABASE} beside the runs'} experiment {tracking.project}"


def mlflow_uri(tracking: Tracking, runs: Path) -> str:
    """The address of MLflow: `tracking.mlflow_uri`, else a database file beside the runs."""
    return tracking.mlflow_uri or f"sqlite:///{runs.resolve() / DATABASE}"
