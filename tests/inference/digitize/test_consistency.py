"""Limb leads that nearly obey Einthoven and Goldberger are evened out; those that do not are left and told."""

import numpy as np
import pytest

from kerasmed.inference.digitize.consistency import join_strips, make_consistent
from kerasmed.inference.digitize.diagnosis import prolong
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.leads import Strip
from tests.fakes.pages import twelve_leads


def leads():
    return twelve_leads().astype(np.float64)


def test_noise_of_limb_leads_becomes_less():
    truth = leads()
    noisy = truth + np.random.default_rng(0).normal(0, 0.02, truth.shape)
    better, _, rms_mv, used = make_consistent(noisy, np.ones(truth.shape, bool))
    assert used
    assert rms_mv == pytest.approx(0.02 * np.sqrt(4 / 6), rel=0.1)
    assert np.std(better[:6] - truth[:6]) < 0.7 * np.std(noisy[:6] - truth[:6])


def test_a_lead_that_contradicts_the_others_leaves_all_as_read():
    truth = leads()
    truth[2] = -truth[2] - truth[1]
    found, _, rms_mv, used = make_consistent(truth, np.ones(truth.shape, bool))
    assert not used
    assert rms_mv > 0.05
    assert np.array_equal(found, truth)


def test_a_gap_of_one_lead_is_filled_from_two_others():
    truth, seen = leads(), np.ones((12, 5000), bool)
    broken = truth.copy()
    broken[2, 1000:1100], seen[2, 1000:1100] = 9.0, False
    found, known, _, _ = make_consistent(broken, seen)
    assert np.abs(found[2] - truth[2]).max() < 1e-6
    assert known[2].all()


def test_two_prints_of_lead_ii_that_agree_are_averaged():
    second = leads()[1]
    whole = Strip("II", 3, 0, second + 0.1, np.ones(5000, bool), 1.0)
    part = Strip("II", 1, 0, second[:1250] + 0.02 * np.sign(np.sin(np.arange(1250))), np.ones(1250, bool), 1.0)
    signals, _, agreement = join_strips([part, whole], 5000)
    assert agreement > 0.98
    assert np.std(signals[1, :1250] - second[:1250]) < 0.02
    assert np.isnan(signals[LEADS.index("V1")]).all()


def test_leads_of_a_page_are_carried_on_as_they_began():
    printed = leads()
    for row in range(12):
        if row != 1:
            first = 1250 * (row // 3)
            printed[row, :first] = printed[row, first + 1250 :] = np.nan
    whole = prolong(printed)
    assert np.isfinite(whole).all()
    assert np.abs(whole[0] + whole[2] - whole[1]).max() < 1e-6
    assert whole[9].max() == pytest.approx(leads()[9].max(), rel=0.05)
