import numpy as np
import pytest

from kerasmed.evaluation.calibration import NUM_BINS, bin_sums, expected_calibration_error, reliability


def sums(confidence, hit) -> np.ndarray:
    rows = len(confidence)
    return bin_sums(np.array(confidence)[:, None], np.array(hit, bool)[:, None], np.zeros(rows, np.int64), 1)[0]


def test_calibration_error_is_the_one_worked_out_by_hand() -> None:
    # one bin claims 0.9 four times and is right twice, another claims 0.5 and is right
    assert expected_calibration_error(sums([0.9, 0.9, 0.9, 0.9, 0.5], [1, 1, 0, 0, 1])) == pytest.approx(
        (4 * 0.4 + 1 * 0.5) / 5
    )


def test_the_ends_0_and_1_lie_in_bins() -> None:
    bins = sums([0.0, 1.0], [0, 1])
    assert bins[0, 0] == bins[NUM_BINS - 1, 0] == 1


def test_the_curve_has_a_row_for_each_bin_in_use() -> None:
    (row,) = reliability(sums([0.52, 0.48], [1, 0]))
    assert row == pytest.approx({"from": 7 / 15, "to": 8 / 15, "count": 2, "confidence": 0.5, "hit_rate": 0.5})


def test_groups_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    confidence, hit, groups = rng.random((90, 3)), rng.random((90, 3)) < 0.5, rng.integers(4, size=90)
    whole = bin_sums(confidence, hit, np.zeros(90, np.int64), 1)
    assert bin_sums(confidence, hit, groups, 4).sum(axis=0) == pytest.approx(whole[0])
