import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from kerasmed.evaluation.paired import auc_covariance, compare_answers, compare_aucs, compare_resampled, holm

# Albumin, total protein, K-G score, and whether surgery helped, of 43 patients with ovarian cancer: the data of DeLong
# et al., Biometrics 44:837, 1988, as printed in SAS/STAT User's Guide, PROC LOGISTIC, "Comparing Receiver Operating
# Characteristic Curves". The expected numbers below are of its result tables, from memory: the tables were not at hand.
PRINTED = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1
3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1
3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1
3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
OVARIAN = np.array(PRINTED.split(), np.float64).reshape(-1, 4)
ALBUMIN, PROTEIN, KG_SCORE = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2]
HELPED = OVARIAN[:, 3] == 1
ALONE = np.arange(len(OVARIAN))


def test_areas_and_deviations_are_those_of_sas_on_delongs_data() -> None:
    aucs, covariance = auc_covariance(np.stack([ALBUMIN, KG_SCORE, PROTEIN]), HELPED, ALONE)
    assert aucs.round(4).tolist() == [0.7366, 0.7258, 0.6478]
    assert np.sqrt(np.diag(covariance)).round(4).tolist() == [0.0927, 0.1028, 0.1000]


@pytest.mark.parametrize(
    ("scores", "value", "low", "high", "p"),
    [(ALBUMIN, 0.0108, -0.1761, 0.1976, 0.9102), (PROTEIN, -0.0780, -0.2830, 0.1271, 0.4561)],
    ids=["albumin", "protein"],
)
def test_contrasts_are_those_of_sas_on_delongs_data(scores, value, low, high, p) -> None:
    found = compare_aucs(KG_SCORE, scores, HELPED, ALONE, 0.95)
    assert (found.value, found.low, found.high, found.p) == pytest.approx((value, low, high, p), abs=6e-5)


def test_delong_by_hand() -> None:
    """Positives 3, 1 and negatives 2, 0: placements 1, 1/2 and 1/2, 1; both variances are (1/4 + 1/4)^2 / 2."""
    scores, positive = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])
    aucs, covariance = auc_covariance(scores[None], positive, np.arange(4))
    assert aucs.tolist() == [0.75]
    assert covariance.tolist() == [[pytest.approx(0.125 / 2 + 0.125 / 2)]]


def test_a_model_does_not_differ_from_itself() -> None:
    found = compare_aucs(ALBUMIN, ALBUMIN, HELPED, ALONE, 0.95)
    assert (found.value, found.p) == (0.0, 1.0)


def test_exchanging_the_models_turns_the_difference_round() -> None:
    there, back = (
        compare_aucs(one, other, HELPED, ALONE, 0.95) for one, other in ((ALBUMIN, PROTEIN), (PROTEIN, ALBUMIN))
    )
    assert (back.value, back.low, back.high, back.p) == pytest.approx((-there.value, -there.high, -there.low, there.p))


def test_examples_counted_twice_make_nothing_surer_where_their_patient_is_known() -> None:
    twice = [np.tile(column, 2) for column in (KG_SCORE, ALBUMIN, HELPED, ALONE)]
    once = compare_aucs(KG_SCORE, ALBUMIN, HELPED, ALONE, 0.95)
    assert compare_aucs(*twice, 0.95).p == pytest.approx(once.p)
    assert compare_aucs(*twice[:3], np.arange(2 * len(OVARIAN)), 0.95).p < once.p


def test_one_patient_on_a_side_leaves_no_test() -> None:
    positive = np.arange(len(OVARIAN)) == 3
    found = compare_aucs(KG_SCORE, ALBUMIN, positive, ALONE, 0.95)
    assert found.value == pytest.approx(roc_auc_score(positive, ALBUMIN) - roc_auc_score(positive, KG_SCORE))
    assert (found.low, found.p) == (None, None)


def test_intervals_of_delong_by_patient_cover_the_truth() -> None:
    """300 studies of 40 patients with three pictures each; the two models are equally good."""
    rng = np.random.default_rng(0)
    owners, missed = np.repeat(np.arange(40), 3), 0
    for _ in range(300):
        positive = np.repeat(rng.random(40) < 0.5, 3)
        first, second = (positive + rng.normal(size=40)[owners] + 0.5 * rng.normal(size=120) for _ in range(2))
        missed += compare_aucs(first, second, positive, owners, 0.95).p < 0.05
    assert 0.02 < missed / 300 < 0.09


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (0, 5), (3, 9), (40, 21)])
def test_mcnemar_is_the_exact_binomial_test_of_scipy(only_first: int, only_second: int) -> None:
    first = np.repeat([True, False, True, False], [only_first, only_second, 20, 10])
    second = np.repeat([False, True, True, False], [only_first, only_second, 20, 10])
    p, *counts = compare_answers(first, second)
    assert counts == [only_first, only_second]
    assert p == pytest.approx(binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1)


def test_mcnemar_by_hand() -> None:
    """Five examples that one model alone has right: 2 / 2 ** 5."""
    assert compare_answers(np.array([True] * 5 + [False]), np.array([False] * 6)) == (2 / 2**5, 5, 0)


def test_a_resampled_difference_by_hand() -> None:
    found = compare_resampled([0.5, 0.5, 0.5, 0.5], [0.7, 0.8, 0.6, 0.4], 0.5)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0, 0.2))
    assert found.p == 2 * (1 + 1) / (3 + 1)


def test_no_number_of_resamples_proves_that_a_difference_is_certain() -> None:
    assert compare_resampled([0.0] * 100, [1.0 + step / 100 for step in range(100)], 0.95).p == 2 / 100


def test_a_metric_undefined_in_most_resamples_has_no_test() -> None:
    found = compare_resampled([0.5, np.nan, np.nan, 0.5], [0.7, 0.7, 0.7, 0.7], 0.95)
    assert (found.low, found.p) == (None, None)


def test_holm_by_hand() -> None:
    """0.01 x 3, then 0.03 x 2, and 0.04 cannot come out below that."""
    assert holm([0.04, 0.01, 0.03]) == [pytest.approx(0.06), pytest.approx(0.03), pytest.approx(0.06)]


def test_holm_leaves_out_what_has_no_p() -> None:
    assert holm([None, 0.4, 0.9]) == [None, 0.8, 0.9]
