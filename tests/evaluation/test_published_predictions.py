"""The published PTB-XL benchmark's own predictions, where its files are at hand, give its own number."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.evaluation.classification import measure_epoch
from kerasmed.spec import TargetSpec

# xresnet1d101 on all 71 statements: macro_auc of te_results.csv in github.com/helme/ecg_ptbxl_benchmarking.
PUBLISHED = 0.9254358590055028


def load(folder: Path, *names: str) -> np.ndarray:
    """The array of the first of `names` below `folder`; the benchmark wrote its arrays as pickles."""
    found = [path for name in names for path in sorted(folder.rglob(name))]
    if not found:
        pytest.skip(f"none of {', '.join(names)} in {folder}")
    return np.load(found[0], allow_pickle=True)


def test_macro_auc_of_the_benchmarks_released_predictions_is_the_published_one(data_root: Path) -> None:
    folder = data_root / "ptbxl_benchmark_preds"
    if not folder.is_dir():
        pytest.skip(f"no released predictions: {folder} is missing")
    scores = load(folder, "*xresnet1d101*/y_test_pred.npy", "*y_test_pred*.npy", "*pred*.npy")
    truth = load(folder, "y_test.npy", "*y_true*.npy", "*y_test_true*.npy", "*true*.npy").astype(np.int64)
    target = TargetSpec("multi_label", tuple(f"statement {place}" for place in range(truth.shape[1])))
    assert measure_epoch(scores, truth, target, ())["macro_auc"] == PUBLISHED
