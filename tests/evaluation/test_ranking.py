import numpy as np
import pytest
from sklearn import metrics

from kerasmed.evaluation.ranking import curve, exact_auc, rank, ranking_measures


def measured(scores, positive, weights=None) -> tuple[float, float]:
    return all_measured(scores, positive, weights)[:2]


def all_measured(scores, positive, weights=None) -> tuple[float, float, float]:
    weights = np.ones(len(scores)) if weights is None else weights
    return ranking_measures(rank(np.asarray(scores), np.asarray(positive, bool), np.arange(len(scores))), weights)


def test_auc_and_ap_of_four_examples_are_those_worked_out_by_hand() -> None:
    # falling: +0.8  -0.6  +0.3  -0.1; three of four pairs in order; precision 1 and 2/3 at the two hits
    assert measured([0.8, 0.6, 0.3, 0.1], [1, 0, 1, 0]) == pytest.approx((3 / 4, (1 + 2 / 3) / 2))


def test_equal_scores_count_half() -> None:
    assert measured([0.5, 0.5, 0.5], [1, 0, 0])[0] == 0.5


@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_weighted_areas_agree_with_scikit_learn(decimals) -> None:
    rng = np.random.default_rng(decimals)
    scores, positive = rng.random(500).round(decimals), rng.random(500) < 0.2
    weights = rng.integers(0, 4, 500).astype(float)
    reference = (
        metrics.roc_auc_score(positive, scores, sample_weight=weights),
        metrics.average_precision_score(positive, scores, sample_weight=weights),
    )
    assert measured(scores, positive, weights) == pytest.approx(reference)


def test_a_cluster_drawn_twice_counts_as_two_copies() -> None:
    rng = np.random.default_rng(0)
    scores, positive, clusters = rng.random(60).round(1), rng.random(60) < 0.4, np.arange(60) % 3
    twice = np.concatenate([np.flatnonzero(clusters == 1)] * 2 + [np.flatnonzero(clusters == 2)])
    weighted = ranking_measures(rank(scores, positive, clusters), np.array([0.0, 2.0, 1.0]))[:2]
    assert weighted == pytest.approx(measured(scores[twice], positive[twice]))


@pytest.mark.parametrize("positive", [[0, 0], [1, 1]])
def test_auc_needs_both_sides(positive) -> None:
    assert np.isnan(measured([0.2, 0.8], positive)[0])


def test_auc_is_undefined_where_all_positives_have_weight_0() -> None:
    assert np.isnan(measured([0.2, 0.8], [0, 1], np.array([1.0, 0.0]))).all()


def test_a_curve_begins_at_nothing_and_ends_at_everything() -> None:
    true, false = curve(np.array([0.9, 0.5, 0.5, 0.1]), np.array([1, 0, 1, 0]))
    assert list(zip(true, false, strict=True)) == [(0, 0), (1, 0), (2, 1), (2, 2)]


@pytest.mark.parametrize("decimals", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_macro_auc_is_that_of_scikit_learn_to_the_last_bit(decimals, dtype) -> None:
    rng = np.random.default_rng(decimals)
    truth = rng.random((2158, 5)) < [0.445, 0.256, 0.245, 0.229, 0.124]
    scores = (0.5 * truth + rng.random((2158, 5))).round(decimals).astype(dtype)
    ours = np.array([exact_auc(scores[:, place], truth[:, place]) for place in range(5)]).mean()
    assert ours == metrics.roc_auc_score(truth, scores, average="macro")


def test_f_max_is_the_best_f1_of_any_threshold() -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.random(300).round(2), rng.random(300) < 0.3
    best = max(metrics.f1_score(positive, scores >= threshold) for threshold in np.unique(scores))
    assert all_measured(scores, positive)[2] == pytest.approx(best)
