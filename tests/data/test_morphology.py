import numpy as np
import pytest

from kerasmed.data.morphology import (
    FEWEST_OTHERS,
    P_S,
    QRS_S,
    SHAPE_CHANNELS,
    T_S,
    WHOLE_S,
    correlation,
    median_beat,
    other_kind,
    parts_of,
    shape_features,
    usual_beat,
    usual_height,
)

BEFORE, AFTER, RATE_HZ = 72, 90, 180.0
PART = parts_of(BEFORE, AFTER, RATE_HZ)
TIMES = np.arange(-BEFORE, AFTER) / RATE_HZ


def wave(height, centre_s, sigma_s):
    return height * np.exp(-(((TIMES - centre_s) / sigma_s) ** 2) / 2)


P, QRS, T = wave(0.1, -0.17, 0.02), wave(1.0, 0, 0.015), wave(0.3, 0.28, 0.03)
NORMAL = P + QRS + T
ECTOPIC = wave(-1.5, 0.02, 0.04) + wave(0.5, 0.3, 0.05)


def beats_of(*kinds, noise_mv=0.0):
    """float32 (k, window, 1)."""
    noise = np.random.default_rng(0).normal(0, noise_mv, (len(kinds), len(TIMES)))
    return (np.stack(kinds) + noise).astype(np.float32)[:, :, None]


def shape_of(beat, *, usual=NORMAL, height=1.0):
    """The shape features of one beat, by channel."""
    features = shape_features(beats_of(beat), beats_of(usual)[0], np.array([height], np.float32), PART)
    return dict(zip(SHAPE_CHANNELS, features[0].tolist(), strict=True))


def test_parts_are_cut_by_seconds_from_the_r_peak():
    assert PART((-0.1, 0.2)) == slice(BEFORE - 18, BEFORE + 36)


def test_parts_end_with_the_window():
    assert PART((-1, 1)) == slice(0, BEFORE + AFTER)


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 1), (0, 2), (3, 3), (9, 9), (72, 1), (0, 90), (200, 300)])
@pytest.mark.parametrize("limits_s", [WHOLE_S, P_S, QRS_S, T_S, (-9.0, -8.0), (8.0, 9.0)])
def test_no_part_is_empty_however_short_the_window(before, after, limits_s):
    window = np.arange(before + after)
    assert len(window[parts_of(before, after, RATE_HZ)(limits_s)]) >= min(2, len(window))


def test_the_median_beat_is_the_median_and_of_an_even_number_the_upper_middle():
    beats = np.array([3, 1, 2, 9], np.float32)[:, None, None] * np.ones((1, 4, 2), np.float32)
    assert median_beat(beats[:3]).tolist() == [[2, 2]] * 4
    assert median_beat(beats).tolist() == [[3, 3]] * 4


def test_the_usual_beat_ignores_a_minority_of_other_beats():
    beats = beats_of(*[NORMAL] * 11, *[ECTOPIC] * 9)
    np.testing.assert_allclose(usual_beat(beats, PART), beats[0], atol=1e-6)


def test_the_usual_beat_is_pulled_less_by_the_others_than_the_median_beat():
    beats = beats_of(*[NORMAL] * 110, *[ECTOPIC] * 90, noise_mv=0.05)
    errors = [np.abs(made[:, 0] - NORMAL).max() for made in (usual_beat(beats, PART), median_beat(beats))]
    assert errors[0] < 0.04 < 0.08 < errors[1]


def test_the_usual_beat_does_not_depend_on_the_order():
    beats = beats_of(*[NORMAL] * 7, *[ECTOPIC] * 3, noise_mv=0.05)
    np.testing.assert_array_equal(usual_beat(beats[::-1], PART), usual_beat(beats, PART))


def test_a_lone_beat_is_the_usual_one():
    np.testing.assert_array_equal(usual_beat(beats_of(ECTOPIC), PART), beats_of(ECTOPIC)[0])


def test_the_usual_height_is_the_median_from_peak_to_peak_of_the_qrs_by_lead():
    one = beats_of(QRS, QRS * 2, QRS * 9)
    height = usual_height(np.concatenate([one, -3 * one], axis=2), PART)
    np.testing.assert_allclose(height, [2, 6], rtol=1e-6)


def test_the_height_of_a_flat_lead_can_be_divided_by():
    assert usual_height(np.zeros((3, len(TIMES), 1), np.float32), PART) > 0


def test_correlation_knows_neither_amplitude_nor_offset():
    beats = beats_of(NORMAL, 5 * NORMAL - 2, -NORMAL)
    np.testing.assert_allclose(correlation(beats, beats[0], PART(WHOLE_S))[:, 0], [1, 1, -1], atol=1e-6)


def test_correlation_with_a_flat_beat_is_0():
    beats = beats_of(np.full_like(TIMES, 0.7), NORMAL)
    assert correlation(beats, beats[1], PART(WHOLE_S))[0, 0] == 0
    assert correlation(beats, beats[0], PART(WHOLE_S))[1, 0] == 0


def test_correlation_looks_at_its_part_alone():
    beats = beats_of(NORMAL, P + QRS - T)
    assert correlation(beats, beats[0], PART(QRS_S))[1, 0] == pytest.approx(1, abs=1e-3)
    assert correlation(beats, beats[0], PART(T_S))[1, 0] == pytest.approx(-1, abs=1e-3)


def test_the_usual_beat_is_like_itself_and_off_by_nothing():
    shape = shape_of(NORMAL)
    assert [shape[name] for name in ("like", "qrs_like", "p_like", "t_like")] == pytest.approx([1] * 4, abs=1e-6)
    assert [shape[name] for name in ("qrs_off", "p_off", "t_off")] == [0] * 3


@pytest.mark.parametrize(
    ("changed", "name", "limits_s"),
    [(P + 2 * QRS + T, "qrs", QRS_S), (QRS + T, "p", P_S), (P + QRS - T, "t", T_S)],
    ids=["QRS doubled", "no P wave", "T inverted"],
)
def test_a_part_that_differs_shows_in_its_own_feature(changed, name, limits_s):
    shape = shape_of(changed, height=0.5)
    expected = np.sqrt(np.mean(((changed - NORMAL)[PART(limits_s)] / 0.5) ** 2))
    others = {"qrs", "p", "t"} - {name}
    assert shape[f"{name}_off"] == pytest.approx(expected, rel=1e-5)
    assert max(shape[f"{other}_off"] for other in others) < 0.02


def test_a_missing_p_wave_is_not_like_one():
    assert shape_of(QRS + T)["p_like"] < 0.5 < 0.99 < shape_of(NORMAL + wave(0.05, -0.17, 0.02))["p_like"]


def test_features_stand_lead_by_lead():
    beats = beats_of(NORMAL, ECTOPIC, NORMAL + 0.2 * T)
    both = np.concatenate([beats, beats[::-1]], axis=2)
    height = np.array([1, 2], np.float32)
    features = shape_features(both, both[0], height, PART)
    alone = [shape_features(both[:, :, [lead]], both[0][:, [lead]], height[[lead]], PART) for lead in (0, 1)]
    np.testing.assert_allclose(features, np.hstack(alone), atol=1e-6)
    assert features.dtype == np.float32


def test_no_beats_have_no_features():
    features = shape_features(beats_of(NORMAL)[:0], beats_of(NORMAL)[0], np.ones(1, np.float32), PART)
    assert features.shape == (0, len(SHAPE_CHANNELS))


def other_of(*kinds):
    """float64 (k, 2): share and cosine of the other kind in beats of which the usual one is NORMAL."""
    return other_kind(beats_of(*kinds)[:, :, 0] - NORMAL.astype(np.float32), PART)


def test_a_fusion_beat_lies_between_the_usual_and_the_other_kind():
    fusion = (NORMAL + ECTOPIC) / 2
    share, cosine = other_of(*[NORMAL] * 30, *[ECTOPIC] * 8, fusion).T
    np.testing.assert_allclose(share[[0, 30, 38]], [0, 1, 0.5], atol=1e-5)
    np.testing.assert_allclose(cosine[[0, 30, 38]], [0, 1, 1], atol=1e-5)


def test_the_other_kind_is_the_most_frequent_of_the_others():
    third = wave(1.2, 0.05, 0.05)
    share, _ = other_of(*[NORMAL] * 60, *[ECTOPIC] * 16, *[third] * 4).T
    np.testing.assert_allclose(share[60:76], 1, atol=1e-5)


def test_a_few_odd_beats_are_no_kind():
    assert not other_of(*[NORMAL] * 30, *[ECTOPIC] * (FEWEST_OTHERS - 1)).any()
    assert other_of(*[NORMAL] * 30, *[ECTOPIC] * FEWEST_OTHERS).any()


def test_beats_that_vary_somewhat_are_no_other_kind():
    heights = np.linspace(0.8, 1.2, 60)
    assert not other_of(*[NORMAL * height for height in heights]).any()
