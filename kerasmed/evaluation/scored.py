"""scores.npz of a run: what its model answered to each example that judges, so that models can be compared in pairs."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.errors import DataError
from kerasmed.evaluation.judged import Judged
from kerasmed.files import write_bytes
from kerasmed.spec import TargetSpec

SCORES = "scores.npz"
COLUMNS = ("scores", "targets", "groups", "patients", "ids")
REMEDY = "Make it again: kerasmed evaluate RUN."


def save_scores(judged: Judged, path: Path) -> None:
    """Write scores, truth and whose they are; like the report of a run, the file names its records and patients."""
    columns: dict[str, Any] = {name: getattr(judged, name) for name in COLUMNS}
    if judged.thresholds is not None:
        columns["thresholds"] = np.asarray(judged.thresholds, np.float64)
    content = io.BytesIO()
    np.savez_compressed(content, **columns)
    write_bytes(path, content.getvalue())


def load_scores(path: Path, target: TargetSpec) -> Judged:
    """What `save_scores` wrote.

    Raises:
        DataError: There is no such file, or it is damaged.
    """
    if not path.is_file():
        raise DataError(str(path), "is missing: the run was judged before scores were kept, or not at all.", REMEDY)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in COLUMNS}
            thresholds = tuple(stored["thresholds"].tolist()) if "thresholds" in stored else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(str(path), "is damaged.", REMEDY) from error
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1 or columns["scores"].shape[1:] != (len(target.classes),):
        raise DataError(str(path), "is damaged.", REMEDY)
    return Judged(target, **columns, thresholds=thresholds)
