import numpy as np
import pytest

from kerasmed.config.run import Evaluation
from kerasmed.evaluation.map_metrics import (
    FAR_PX,
    NAMES,
    MapTally,
    dice,
    lines_px,
    mean_known,
    read_places,
    ridges_px,
)
from kerasmed.evaluation.map_report import judge_maps
from tests.fakes.ecg_pages import page_arrays


def perfect(targets):
    """Logits that say just what is true."""
    logits = {name: np.where(targets[name] >= 128, 9.0, -9.0) for name in ("seg", "grid")}
    logits["baseline"] = targets["baseline"].astype(np.float32)
    rows = np.arange(targets["seg"].shape[1])[None, :, None]
    logits["signal"] = -0.5 * (rows - np.nan_to_num(targets["signal"])[:, None]) ** 2
    return {**logits, "theta": targets["theta"]}


def test_perfect_maps_have_perfect_measures():
    targets, tally = page_arrays(2), MapTally()
    tally.add(perfect(targets), targets)
    found = tally.metrics()
    assert found["trace_dice"] == found["grid_dice"] == found["signal_hit"] == 1.0
    assert found["grid_px"] == found["baseline_px"] == found["angle_deg"] == 0.0
    assert found["signal_px"] < 0.02
    assert tuple(found) == NAMES


def test_dice_is_twice_the_common_part_over_both():
    found, true = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert dice(found, true) == pytest.approx(4 / 6)
    assert np.isnan(dice(found & False, true & False))


def test_lines_that_are_two_pixels_off_are_two_pixels_off():
    true, found = np.zeros((20, 9), bool), np.zeros((20, 9), bool)
    true[10], found[12] = True, True
    assert lines_px(found, true) == 2.0
    assert lines_px(found & False, true) == FAR_PX
    assert np.isnan(lines_px(found, true & False))


def test_a_zero_line_is_as_far_off_as_the_likeliest_row_near_it():
    true, logit = np.zeros((40, 5), np.uint8), np.zeros((40, 5))
    true[20], logit[23], logit[1] = 255, 5.0, 9.0
    assert ridges_px(logit, true) == 3.0


def test_a_place_is_read_between_rows_and_with_the_chance_around_it():
    chances = np.zeros((1, 12, 2), np.float32)
    chances[0, 4, 0], chances[0, 5, 0], chances[0, 11, 0] = 0.4, 0.4, 0.2
    chances[0, 0, 1] = 1.0
    places, share = read_places(chances)
    np.testing.assert_allclose(places, [[4.5, 0.0]])
    np.testing.assert_allclose(share, [[0.8, 1.0]])


def test_what_has_no_meaning_counts_nothing():
    np.testing.assert_array_equal(mean_known(np.array([[1.0, np.nan], [3.0, np.nan]])), [2.0, np.nan])


def test_intervals_resample_patients_and_groups_are_judged_alone():
    measured = np.repeat(np.arange(8.0)[:, None], len(NAMES), axis=1)
    patients, looks = np.repeat(list("abcd"), 2), np.tile(["clean", "scan"], 4)
    metrics, groups = judge_maps(measured, patients, {"look": looks}, Evaluation(bootstrap=200), 0)
    assert metrics["signal_px"].value == 3.5
    assert metrics["signal_px"].low < 3.5 < metrics["signal_px"].high
    assert [(row["group"], row["examples"], row["metrics"]["signal_px"]) for row in groups] == [
        ("clean", 4, 3.0),
        ("scan", 4, 4.0),
    ]
