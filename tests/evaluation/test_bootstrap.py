import numpy as np
import pytest

from kerasmed.evaluation.bootstrap import MOST_REDRAWS, Redraws, draw_weights, interval


def accuracy_interval(hits, examples, seed) -> tuple[float, float]:
    drawn = [weights @ hits / (weights @ examples) for weights in draw_weights(len(hits), 200, seed)]
    return interval(np.array(drawn), 0.95)


def test_a_seed_decides_every_draw() -> None:
    first, again, other = (np.array(list(draw_weights(9, 20, seed))) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_resample_draws_as_many_clusters_as_there_are() -> None:
    assert {weights.sum() for weights in draw_weights(7, 50, 0)} == {7.0}


def test_an_interval_holds_the_middle_of_the_values() -> None:
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))


def test_undefined_resamples_are_left_out() -> None:
    assert interval(np.array([1.0, 2.0, np.nan]), 1.0) == (1.0, 2.0)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan, 1.0, np.nan], [0.5, 0.5, 0.5]])
def test_there_is_no_interval_where_resamples_say_nothing(values) -> None:
    assert interval(np.array(values), 0.95) is None


def test_intervals_of_patients_cover_the_truth_and_intervals_of_beats_do_not() -> None:
    """60 patients of 50 beats whose own accuracy is spread around 0.8: 100 studies, each with its interval."""
    rng = np.random.default_rng(0)
    by_patient = by_beat = 0
    for study in range(100):
        hits = rng.binomial(50, rng.beta(4, 1, size=60))
        low, high = accuracy_interval(hits, np.full(60, 50), study)
        by_patient += low <= 0.8 <= high
        beats = np.arange(3000) < hits.sum()
        low, high = accuracy_interval(beats, np.ones(3000), study)
        by_beat += low <= 0.8 <= high
    assert 88 <= by_patient <= 100
    assert by_beat < 60


def test_a_resample_that_lacks_what_it_must_hold_is_drawn_again_and_counted() -> None:
    holds, redraws = np.eye(12, 2, dtype=bool), Redraws()
    drawn = np.array(list(draw_weights(12, 50, 0, holds, redraws)))
    free = np.array(list(draw_weights(12, 50 + redraws.drawn, 0)))
    assert drawn.tolist() == free[(free[:, :2] > 0).all(axis=1)].tolist()
    assert redraws == Redraws(drawn=redraws.drawn, lacking=0)
    assert redraws.drawn > 0


def test_drawing_again_comes_to_an_end() -> None:
    redraws = Redraws()
    drawn = list(draw_weights(40, 2, 0, np.eye(40, dtype=bool), redraws))
    assert len(drawn) == 2
    assert redraws == Redraws(drawn=2 * MOST_REDRAWS, lacking=2)
