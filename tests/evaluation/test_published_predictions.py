"""The published PTB-XL benchmark's own predictions, where its files are at hand, give its own number."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from kerasmed.evaluation.classification import measure_epoch
from kerasmed.spec import TargetSpec

# xresnet1d101 on all 71 statements: macro_auc of te_results.csv in github.com/helme/ecg_ptbxl_benchmarking.
PUBLISHED = 0.9254358590055028


class ArraysOnly(pickle.Unpickler):
    """Reads a pickled array of numbers, and calls nothing but what numpy makes one of."""

    def find_class(self, module: str, name: str) -> object:
        ours = module.partition(".")[0] == "numpy" and name in ("_reconstruct", "_frombuffer", "ndarray", "dtype")
        if not ours and (module, name) != ("_codecs", "encode"):  # bytes of older protocols
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array of numbers")
        return super().find_class(module, name)


def load(folder: Path, *names: str) -> np.ndarray:
    """The array of the first of `names` below `folder`; the benchmark wrote its arrays as pickles."""
    found = [path for name in names for path in sorted(folder.rglob(name))]
    if not found:
        pytest.skip(f"none of {', '.join(names)} in {folder}")
    with found[0].open("rb") as file:
        return np.asarray(ArraysOnly(file).load() if file.peek(1)[:1] == b"\x80" else np.load(file))


def test_macro_auc_of_the_benchmarks_released_predictions_is_the_published_one(data_root: Path) -> None:
    folder = data_root / "ptbxl_benchmark_preds"
    if not folder.is_dir():
        pytest.skip(f"no released predictions: {folder} is missing")
    scores = load(folder, "*xresnet1d101*/y_test_pred.npy", "*y_test_pred*.npy", "*pred*.npy")
    truth = load(folder, "y_test.npy", "*y_true*.npy", "*y_test_true*.npy", "*true*.npy").astype(np.int64)
    target = TargetSpec("multi_label", tuple(f"statement {place}" for place in range(truth.shape[1])))
    assert measure_epoch(scores, truth, target, ())["macro_auc"] == PUBLISHED


def test_a_pickle_of_more_than_numbers_is_not_opened(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).random((3, 2))
    numbers.dump(tmp_path / "y_test_pred.npy")
    np.testing.assert_array_equal(load(tmp_path, "y_test_pred.npy"), numbers)
    np.save(tmp_path / "plain.npy", numbers)
    np.testing.assert_array_equal(load(tmp_path, "plain.npy"), numbers)
    (tmp_path / "bad.npy").write_bytes(pickle.dumps(Path("x")))
    with pytest.raises(pickle.UnpicklingError, match="is no part of an array"):
        load(tmp_path, "bad.npy")
