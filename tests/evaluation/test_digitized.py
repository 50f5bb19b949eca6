"""SNR by the rules of 2024 and of 2025 on cases worked out by hand, and the errors of grid, angle and zero lines."""

import numpy as np
import pytest

from kerasmed.evaluation.digitized import (
    LARGEST_RATIO,
    Powers,
    angle_error_deg,
    baseline_error_px,
    dice,
    grid_error_px,
    mean_by,
    pearson,
    powers_2025,
    snr_2024_db,
    snr_2025_db,
)

RATE_HZ = 500.0


def beats(num_samples=1000):
    times = np.arange(num_samples) / RATE_HZ
    return sum(np.exp(-0.5 * ((times - place) / 0.02) ** 2) for place in (0.3, 0.95, 1.7))


def noise(power, num_samples=1000):
    """Alternating in sign, so that neither a shift in time nor one in height makes it less."""
    return np.sqrt(power) * (1 - 2 * (np.arange(num_samples) % 2))


def test_noise_of_a_hundredth_of_the_power_is_20_db_by_both_rules():
    truth = beats()
    found = truth + noise(np.mean(truth**2) / 100)
    assert snr_2024_db(truth, found, RATE_HZ) == pytest.approx(20, abs=0.01)
    assert snr_2025_db([powers_2025(truth[None], found[None], RATE_HZ)]) == pytest.approx(20, abs=0.01)


def test_a_shift_of_a_tenth_of_a_second_and_a_height_within_a_millivolt_are_forgiven_by_both_rules():
    truth = beats()
    found = np.roll(truth, 50) + 0.3
    assert snr_2024_db(truth, found, RATE_HZ) > 60
    assert powers_2025(truth[None], found[None], RATE_HZ).ratio > 1e5


def test_a_height_beyond_a_millivolt_is_forgiven_by_the_rule_of_2025_alone():
    truth = beats()
    left = np.mean(truth**2) / 1.0**2  # 2 mV off, of which 1 mV is forgiven
    assert snr_2024_db(truth, truth + 2, RATE_HZ) == pytest.approx(10 * np.log10(left), abs=0.2)
    assert powers_2025(truth[None], truth[None] + 2, RATE_HZ).ratio == LARGEST_RATIO


def test_a_shift_of_0_4_s_is_forgiven_by_the_rule_of_2024_alone():
    truth = np.zeros(2000)
    truth[900:920] = 1
    found = np.roll(truth, 200)
    assert snr_2024_db(truth, found, RATE_HZ) > 60
    assert snr_2025_db([powers_2025(truth[None], found[None], RATE_HZ)]) < 1


def test_half_a_lead_has_half_the_db_by_the_rule_of_2024():
    truth = np.tile(beats(500), 2)
    found = truth + noise(np.mean(truth**2) / 100)
    half = np.where(np.arange(1000) < 500, found, np.nan)
    assert snr_2024_db(truth, half, RATE_HZ) == pytest.approx(10, abs=0.1)


def test_what_is_missing_counts_as_0_mv_by_the_rule_of_2025():
    truth = beats() - beats().mean()
    gone = powers_2025(truth[None], np.full((1, 1000), np.nan), RATE_HZ)
    assert gone.noise == pytest.approx(gone.signal)


def test_nothing_found_is_0_db_by_the_rule_of_2024():
    assert snr_2024_db(beats(), np.full(1000, np.nan), RATE_HZ) == 0


def test_what_is_not_printed_is_not_judged():
    truth = np.where(np.arange(1000) < 500, beats(), np.nan)
    found = np.where(np.arange(1000) < 500, beats(), 99.0)
    assert powers_2025(truth[None], found[None], RATE_HZ).ratio == LARGEST_RATIO


def test_the_rule_of_2025_sums_leads_before_it_divides_and_ratios_before_the_logarithm():
    assert Powers(3.0, 1.0).ratio == 3
    assert snr_2025_db([Powers(100.0, 1.0), Powers(1.0, 1.0)]) == pytest.approx(10 * np.log10(50.5))


def test_no_ratio_counts_for_more_than_60_db():
    assert snr_2025_db([Powers(1.0, 0.0)]) == pytest.approx(60)


def test_pearson_is_of_the_samples_that_both_have():
    assert pearson(np.array([1, 2, 3, np.nan]), np.array([2, 4, 6, 7.0])) == pytest.approx(1)
    assert np.isnan(pearson(np.array([1.0, 1.0]), np.array([1.0, 2.0])))


def test_dice_is_twice_the_overlap_over_both():
    assert dice(np.array([True, True, False]), np.array([True, False, False])) == pytest.approx(2 / 3)
    assert dice(np.zeros(3, bool), np.zeros(3, bool)) == 1


def test_angles_differ_by_the_shorter_way():
    assert angle_error_deg(359, 2) == pytest.approx(3)


def test_a_grid_that_is_shifted_only_is_no_error_and_one_that_is_stretched_is():
    truth = np.diag([4.0, 4.0, 1.0])
    shifted = truth @ np.array([[1, 0, 7], [0, 1, -3], [0, 0, 1.0]])
    assert grid_error_px(truth, shifted, (800, 1000)) == pytest.approx(0, abs=1e-9)
    assert grid_error_px(truth, np.diag([4.04, 4.0, 1.0]), (800, 1000)) == pytest.approx(2.7, abs=0.3)


def test_the_zero_line_is_off_by_the_mean_distance_over_common_columns():
    truth = np.array([[10.0, 10, np.nan]])
    assert baseline_error_px(truth, np.array([[12.0, 11, 50]])) == pytest.approx(1.5)
    assert np.isnan(baseline_error_px(truth, np.zeros((2, 3))))


def test_means_by_look_leave_out_what_is_not_known():
    rows = [{"look": "scan", "db": 10.0}, {"look": "scan", "db": 20.0}, {"look": "phone", "db": None}]
    assert mean_by(rows, "look", "db") == {"scan": 15.0}
