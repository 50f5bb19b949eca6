import numpy as np
import pytest

from kerasmed.data.rhythm import RR_CHANNELS, rr_features

# Shorter and longer than each of the neighbourhoods.
COUNTS = [1, 2, 3, 5, 9, 19, 20, 24, 49, 50, 60, 61, 150]
MODES = pytest.mark.parametrize("so_far", [False, True], ids=["whole", "so_far"])


def table_of(seconds, so_far=False):
    """The features of beats that are `seconds` apart, by channel."""
    peaks = np.round(np.cumsum([1.0, *seconds]) * 1000).astype(np.int64)
    return dict(zip(RR_CHANNELS, rr_features(peaks, 1000.0, so_far).T, strict=True))


def irregular_seconds(count, seed=0):
    return np.random.default_rng(seed).uniform(0.4, 1.4, count).round(3)


def mirrored(values, reach):
    return np.pad(values, reach, mode="symmetric")


def changes_of(seconds):
    previous = np.log([seconds[0], *seconds])
    return np.abs(np.diff(previous, prepend=previous[0]))


def test_intervals_are_logarithms_of_shares_of_the_mean_of_the_record():
    features = table_of([0.8, 0.4, 1.2])
    np.testing.assert_allclose(features["log_previous"], np.log([1, 1, 0.5, 1.5]), atol=1e-6)
    np.testing.assert_allclose(features["log_next"], np.log([1, 0.5, 1.5, 1.5]), atol=1e-6)


def test_a_pulse_twice_as_fast_gives_the_same_features():
    seconds = irregular_seconds(70).clip(0.5)
    fast, slow = table_of(seconds), table_of(seconds * 2)
    for name in RR_CHANNELS:
        np.testing.assert_allclose(fast[name], slow[name], atol=1e-5, err_msg=name)


def test_so_far_divides_by_the_mean_up_to_the_beat():
    features = table_of([1.0, 3.0], so_far=True)
    assert features["log_previous"][2] == pytest.approx(np.log(3 / (5 / 3)))
    assert features["log_next"][1] == pytest.approx(np.log(3 / 1))


def test_whole_divides_every_beat_by_the_same_mean():
    start, end = [0.8, 1.0, 1.2], [2.0] * 6
    log_mean = np.log(np.mean(start + end))
    np.testing.assert_allclose(table_of(start + end)["log_previous"][1:4], np.log(start) - log_mean, atol=1e-6)


@MODES
def test_the_first_and_last_beat_borrow_their_only_interval(so_far):
    features = table_of([0.6, 0.9, 0.7], so_far)
    assert features["log_previous"][0] == features["log_next"][0]
    assert features["log_next"][-1] == features["log_previous"][-1]
    assert features["log_previous_to_next"][[0, -1]].tolist() == [0, 0]


def test_the_local_mean_is_of_the_last_ten_intervals():
    seconds = np.array([2.0] * 5 + [1.0] * 15)
    local = np.exp(table_of(seconds)["log_local"]) * seconds.mean()
    np.testing.assert_allclose(local[[5, 10, 14, 15, 20]], [2.0, 1.5, 1.1, 1.0, 1.0], rtol=1e-5)


def test_ratios_compare_with_the_local_mean_and_with_each_other():
    features = table_of([0.8] * 9 + [0.4, 1.2])
    assert features["log_previous_to_local"][10] == pytest.approx(np.log(0.4 / 0.76))
    assert features["log_next_to_local"][10] == pytest.approx(np.log(1.2 / 0.76))
    assert features["log_previous_to_next"][10] == pytest.approx(np.log(0.4 / 1.2))


@MODES
def test_a_regular_rhythm_has_no_changes(so_far):
    features = table_of([0.8] * 40, so_far)
    for name in RR_CHANNELS:
        np.testing.assert_allclose(features[name], 0, atol=1e-6, err_msg=name)


def test_a_change_of_more_than_8_percent_is_irregular_and_a_smaller_one_is_not():
    assert table_of([1.0] * 30 + [1.07] * 30)["change_rate_20"].max() == 0
    assert table_of([1.0] * 30 + [1.09] * 30)["change_rate_20"].max() == pytest.approx(1 / 21)


def test_an_ectopic_beat_raises_the_share_but_not_the_median():
    features = table_of([0.8] * 40 + [0.5, 1.1] + [0.8] * 40)
    assert features["change_rate_20"][41] == pytest.approx(3 / 21)
    assert features["change_20"][41] == features["change_50"][41] == features["change_record"][41] == 0


def test_fibrillation_raises_share_and_median():
    features = table_of(irregular_seconds(100))
    assert features["change_rate_60"].min() > 0.7
    assert features["change_20"].min() > 0.1


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("share", "reach"), [("change_rate_20", 10), ("change_rate_60", 30)])
def test_the_share_is_of_the_beats_around_mirrored_at_the_ends(count, share, reach):
    seconds = irregular_seconds(count)
    irregular = mirrored(changes_of(seconds) > 0.08, reach)
    expected = [irregular[beat : beat + 2 * reach + 1].mean() for beat in range(count + 1)]
    np.testing.assert_allclose(table_of(seconds)[share], expected, atol=1e-6)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("median", "reach"), [("change_20", 10), ("change_50", 25)])
def test_the_median_is_of_the_beats_around_mirrored_at_the_ends(count, median, reach):
    seconds = irregular_seconds(count)
    changes = mirrored(changes_of(seconds), reach)
    expected = [np.median(changes[beat : beat + 2 * reach + 1]) for beat in range(count + 1)]
    np.testing.assert_allclose(table_of(seconds)[median], expected, atol=1e-6)


@pytest.mark.parametrize("count", COUNTS)
def test_so_far_the_share_and_the_medians_are_of_the_beats_before(count):
    seconds = irregular_seconds(count)
    features, changes = table_of(seconds, so_far=True), changes_of(seconds)
    for name, reach in (("change_rate_20", 20), ("change_rate_60", 60)):
        expected = [(changes[max(0, beat - reach) : beat + 1] > 0.08).mean() for beat in range(count + 1)]
        np.testing.assert_allclose(features[name], expected, atol=1e-6, err_msg=name)
    for name, reach in (("change_20", 20), ("change_50", 50), ("change_record", count)):
        expected = [np.median(changes[max(0, beat - reach) : beat + 1]) for beat in range(count + 1)]
        np.testing.assert_allclose(features[name], expected, atol=1e-6, err_msg=name)


def test_the_median_of_the_record_is_the_same_for_every_beat():
    seconds = irregular_seconds(31)
    np.testing.assert_allclose(table_of(seconds)["change_record"], np.median(changes_of(seconds)), atol=1e-6)


@pytest.mark.parametrize("known", [2, 5, 12, 21, 40, 70, 119])
def test_so_far_looks_no_further_than_the_next_beat(known):
    seconds = irregular_seconds(120)
    other = np.concatenate([seconds[:known], irregular_seconds(150, seed=1)])
    one, two, short = (table_of(values, so_far=True) for values in (seconds, other, seconds[:known]))
    for name in RR_CHANNELS:
        np.testing.assert_array_equal(one[name][:known], two[name][:known], err_msg=name)
        np.testing.assert_array_equal(one[name][:known], short[name][:known], err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        "log_previous",
        "log_next",
        "log_local",
        "change_rate_20",
        "change_rate_60",
        "change_20",
        "change_50",
        "change_record",
    ],
)
def test_whole_does_look_further(name):
    start = irregular_seconds(60).tolist()
    regular, irregular = table_of(start + [0.8] * 60), table_of(start + irregular_seconds(60, seed=1).tolist())
    assert not np.array_equal(regular[name][:60], irregular[name][:60])


@MODES
def test_a_lone_beat_counts_as_regular(so_far):
    assert rr_features(np.array([5]), 360.0, so_far).tolist() == [[0.0] * len(RR_CHANNELS)]


@MODES
def test_no_beat_gives_an_empty_table(so_far):
    assert rr_features(np.zeros(0, np.int64), 360.0, so_far).shape == (0, len(RR_CHANNELS))


@MODES
def test_a_pause_and_a_mark_set_twice_stay_within_limits(so_far):
    table = rr_features(np.array([0, 0, 360, 360 * 900]), 360.0, so_far)
    features = dict(zip(RR_CHANNELS, table.T, strict=True))
    assert features["log_previous_to_next"][1] == pytest.approx(np.log(0.2 / 1))
    assert features["log_previous_to_next"][2] == pytest.approx(np.log(1 / 4.0))


@MODES
def test_features_are_float32_and_finite(so_far):
    table = rr_features(np.cumsum(irregular_seconds(300) * 360).astype(np.int64), 360.0, so_far)
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
