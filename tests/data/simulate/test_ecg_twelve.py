import numpy as np
import pytest

from kerasmed.data.page_records import LEADS
from kerasmed.data.simulate.ecg_twelve import simulate_twelve

RATE_HZ = 500.0


@pytest.fixture(scope="module")
def people():
    """(8, 12, 5000), mV."""
    return np.stack([simulate_twelve(np.random.default_rng(seed), RATE_HZ, 5000) for seed in range(8)])


def lead(people, name):
    return people[:, LEADS.index(name)]


def test_limb_leads_obey_einthoven_and_goldberger_but_for_their_zero_lines(people):
    first, second, third = (lead(people, name) for name in ("I", "II", "III"))
    for sum_of_leads in (
        first + third - second,
        lead(people, "aVR") + (first + second) / 2,
        lead(people, "aVL") + second / 2 - first,
        lead(people, "aVF") + first / 2 - second,
    ):
        assert np.ptp(sum_of_leads, axis=1).max() < 1e-3


def test_every_lead_has_its_zero_line_at_its_median(people):
    assert np.abs(np.median(people, axis=2)).max() < 1e-6


def test_the_r_wave_grows_from_v1_to_v5_in_most_people(people):
    heights = {name: np.percentile(lead(people, name), 99.5, axis=1) for name in ("V1", "V5")}
    assert np.median(heights["V5"] - heights["V1"]) > 0.4
    assert np.median(np.percentile(lead(people, "V2"), 0.5, axis=1)) < -0.4


def test_people_differ_and_one_seed_is_one_person(people):
    assert np.abs(people[0] - people[1]).max() > 0.2
    np.testing.assert_array_equal(simulate_twelve(np.random.default_rng(0), RATE_HZ, 5000), people[0])


def test_a_heart_beats_between_45_and_125_times_a_minute(people):
    for signal in np.abs(np.gradient(lead(people, "V2"), axis=1)):
        steep = signal > 0.5 * signal.max()
        beats = 1 + np.count_nonzero(np.diff(np.flatnonzero(steep)) > 0.25 * RATE_HZ)
        assert 5 <= beats <= 22
