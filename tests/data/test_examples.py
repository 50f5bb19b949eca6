import numpy as np
import pytest
from scipy.signal import resample_poly

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.examples import RR_CHANNELS, beat_spec, beats_of, rr_features
from kerasmed.data.resampling import resampling_kernel
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec
from tests.fakes.beats import RATE_HZ, bumps_mv, regular_peaks, signal_record

PLAIN = BeatExamples(remove_baseline=False, scaling="none", template="none", shape=False, rr="none")
NATIVE = BeatExamples(before_s=0.25, after_s=0.5, rate_hz=RATE_HZ, remove_baseline=False, scaling="none", template="none", shape=False, rr="none")


def cut(signal_mv, peaks, settings=PLAIN, **record):
    return beats_of(signal_record(signal_mv, **record), np.asarray(peaks, np.int64), settings)


def millivolts(signal_mv, peaks, settings=PLAIN, **record):
    return cut(signal_mv, peaks, settings, **record)[0]["signal"][..., 0] * 1e-3


@pytest.mark.parametrize(
    "settings",
    [BeatExamples(), PLAIN, BeatExamples(scaling="min_max"), BeatExamples(leads=("V1", "MLII"), rr="so_far")],
)
def test_arrays_are_what_the_spec_says(settings):
    peaks = regular_peaks(5)
    arrays, kept = cut(bumps_mv(2500, peaks), peaks, settings, leads=("MLII", "V1"))
    spec = beat_spec(settings, ("N", "V"))
    assert {name: (array.shape[1:], str(array.dtype)) for name, array in arrays.items()} == {
        name: (array.shape, array.dtype) for name, array in spec.inputs.items()
    }
    assert all(len(array) == kept.sum() == 5 for array in arrays.values())


def test_the_spec_survives_json():
    spec = beat_spec(BeatExamples(), ("N", "V"))
    assert ExampleSpec.from_json(spec.to_json()) == spec
    assert BeatExamples(**{name: value for name, value in spec.recipe.items() if name != "kind"}) == BeatExamples()


def test_at_the_rate_of_the_record_a_window_is_the_record():
    signal = np.random.default_rng(0).normal(0, 0.3, 2000).astype(np.float32)
    window = millivolts(signal, [700], NATIVE)[0]
    np.testing.assert_allclose(window, signal[700 - 90 : 700 + 180], atol=6e-4)


def test_the_r_peak_is_where_the_window_says_and_time_is_kept():
    peaks = regular_peaks(4, every=301)
    signal = bumps_mv(2500, np.concatenate([peaks, peaks + 90]))[:, :1]
    windows = millivolts(signal, peaks)
    assert windows[:, :50].argmax(axis=1).tolist() == [38] * 4
    assert (50 + windows[:, 50:].argmax(axis=1)).tolist() == [38 + 32] * 4


def test_resampling_keeps_the_amplitude_of_a_sine():
    times = np.arange(4000) / RATE_HZ
    window = millivolts(np.sin(2 * np.pi * 10 * times), [2000])[0]
    expected = np.sin(2 * np.pi * 10 * (2000 / RATE_HZ + np.arange(-38, 58) / 128))
    np.testing.assert_allclose(window, expected, atol=4e-3)


def test_resampling_keeps_a_constant_to_the_ends_of_the_record():
    assert np.all(millivolts(np.full(271, 0.75), [107]) == 0.75)


def test_what_the_new_rate_cannot_hold_does_not_fold_back():
    times = np.arange(4000) / RATE_HZ
    assert np.abs(millivolts(np.sin(2 * np.pi * 100 * times), [2000])).max() < 0.01


def test_windows_agree_with_scipy_where_its_grid_meets_the_peak():
    signal = np.random.default_rng(1).normal(0, 0.5, 9000).astype(np.float32)
    whole = resample_poly(signal, 16, 45)
    window = millivolts(signal, [45 * 100])[0]
    np.testing.assert_allclose(window, whole[1600 - 38 : 1600 + 58], atol=2e-3)


def test_upsampling_passes_through_the_samples_of_the_record():
    signal = np.random.default_rng(2).normal(0, 0.5, 900).astype(np.float32)
    settings = BeatExamples(before_s=0.25, after_s=0.5, rate_hz=200, remove_baseline=False, scaling="none", template="none", shape=False, rr="none")
    np.testing.assert_allclose(millivolts(signal, [400], settings, rate_hz=100)[0][::2], signal[375:450], atol=6e-4)


def test_leads_are_taken_by_name_in_the_order_asked():
    peaks = regular_peaks(3)
    both = BeatExamples(leads=("V1", "MLII"), remove_baseline=False, scaling="none", template="none", shape=False, rr="none")
    arrays, _ = cut(bumps_mv(1500, peaks), peaks, both, leads=("MLII", "V1"))
    assert arrays["signal"][0, 38, 0] < -900 < 900 < arrays["signal"][0, 38, 1]


def test_a_missing_lead_is_named_with_those_there():
    with pytest.raises(DataError, match="r: has no lead MLII; it has V5, V2"):
        cut(np.zeros((500, 2)), [250], leads=("V5", "V2"))


def test_a_window_that_leaves_the_record_is_left_out():
    first, last = 107, 2000 - 161 - 1
    _, kept = cut(np.zeros(2000), [0, first - 1, first, 900, last, last + 1, 1999])
    assert kept.tolist() == [False, False, True, True, True, False, False]


def test_a_window_that_touches_a_missing_sample_is_left_out():
    signal = np.full(4000, 0.5)
    signal[1000:1010] = np.nan
    windows, kept = cut(signal, [500, 1000 - 162, 1000 - 161, 1005, 1009 + 107, 1009 + 108, 2000])
    assert kept.tolist() == [True, True, False, False, False, True, True]
    assert np.all(windows["signal"] == 500)


def test_a_lead_that_mostly_misses_is_refused_by_name():
    signal = np.zeros((1000, 2))
    signal[:60, 1] = np.nan
    settings = BeatExamples(leads=("MLII", "V1"))
    with pytest.raises(DataError, match=r"lead V1 misses 6.0% of its samples; 5% may be missing"):
        cut(signal, [500], settings, leads=("MLII", "V1"))


def test_peaks_out_of_order_are_refused():
    with pytest.raises(DataError, match="not in the order of time"):
        cut(np.zeros(2000), [900, 800])


def test_the_template_is_the_median_of_the_kept_beats():
    peaks = regular_peaks(7)
    signal = bumps_mv(3000, peaks)[:, :1] * 1.5
    signal[peaks[2] - 60 : peaks[2] + 60] *= -3
    with_template, _ = cut(signal, np.append(peaks, 2990), BeatExamples(rr="none"))
    beats = with_template["signal"][..., 0]
    np.testing.assert_array_equal(with_template["signal"][..., 1], np.tile(np.median(beats, axis=0), (7, 1)))


def test_a_record_without_a_whole_beat_gives_empty_arrays():
    arrays, kept = cut(np.zeros(50), [25], BeatExamples())
    assert arrays["signal"].shape == (0, 96, 2)
    assert arrays["rr"].shape == (0, len(RR_CHANNELS))
    assert not kept.any()


@pytest.mark.parametrize("settings", [BeatExamples(), PLAIN])
def test_a_record_without_beats_gives_empty_arrays(settings):
    arrays, kept = cut(np.zeros(500), [], settings)
    assert all(len(array) == 0 for array in arrays.values())
    assert kept.shape == (0,)


def test_min_max_reaches_from_0_to_1_and_flat_windows_are_0():
    signal = np.concatenate([bumps_mv(1000, np.array([500]))[:, 0], np.zeros(1000)])
    settings = BeatExamples(remove_baseline=False, scaling="min_max", template="none", shape=False, rr="none")
    steps = cut(signal, [500, 1500], settings)[0]["signal"]
    scale = beat_spec(settings, ("N",)).inputs["signal"].scale
    assert (steps[0].min(), steps[0].max() * scale) == (0, 1)
    assert not steps[1].any()


def test_samples_beyond_the_range_are_clipped_and_counted(caplog):
    windows = millivolts(np.full(1000, 40.0), [500])
    assert np.all(windows == 32.767)
    assert "r: 96 samples beyond 32.767 mV were clipped" in caplog.text


def test_the_resampling_kernel_is_computed_once_and_cannot_be_changed():
    _, bands = resampling_kernel(360.0, 128.0, 38, 58)
    assert resampling_kernel(360.0, 128.0, 38, 58)[1] is bands
    with pytest.raises(ValueError, match="read-only"):
        bands[0].weights[0] = 0


def rr(seconds, so_far=False):
    table = rr_features(np.round(np.cumsum([1.0, *seconds]) * 1000).astype(np.int64), 1000.0, so_far)
    return dict(zip(RR_CHANNELS, table.T, strict=True))


def test_intervals_are_in_units_of_the_mean_of_the_record():
    features = rr([0.8, 0.4, 1.2])
    np.testing.assert_allclose(features["previous"], [1, 1, 0.5, 1.5], rtol=1e-6)
    np.testing.assert_allclose(features["next"], [1, 0.5, 1.5, 1.5], rtol=1e-6)


def test_the_first_and_last_beat_borrow_their_only_interval():
    features = rr([0.6, 0.9])
    assert features["previous"][0] == features["next"][0]
    assert features["next"][-1] == features["previous"][-1]


def test_the_local_mean_is_of_the_last_ten_intervals():
    seconds = np.array([2.0] * 5 + [1.0] * 15)
    local = rr(seconds)["local"] * seconds.mean()
    assert local[-1] == pytest.approx(1.0)
    assert local[10] == pytest.approx(1.5)
    assert local[5] == pytest.approx(2.0)


def test_ratios_compare_with_the_local_mean():
    features = rr([0.8] * 9 + [0.4, 1.2])
    assert features["previous_to_local"][10] == pytest.approx(0.4 / 0.76)
    assert features["next_to_local"][10] == pytest.approx(1.2 / 0.76)
    assert features["log_previous_to_next"][10] == pytest.approx(np.log(0.4 / 1.2))


def test_so_far_looks_no_further_than_the_next_beat():
    start, other = [0.8, 0.9, 0.7, 1.0], [2.0, 0.3, 2.0]
    short, long = rr(start, so_far=True), rr(start + other, so_far=True)
    for name in RR_CHANNELS:
        np.testing.assert_array_equal(short[name][:4], long[name][:4])


def test_so_far_divides_by_the_mean_up_to_the_beat():
    assert rr([1.0, 3.0], so_far=True)["previous"][2] == pytest.approx(3 / (5 / 3))


def test_a_lone_beat_counts_as_regular():
    assert rr_features(np.array([5]), 360.0, so_far=False).tolist() == [[1, 1, 1, 1, 1, 0]]


def test_a_pause_and_a_doubled_mark_stay_finite():
    table = rr_features(np.array([0, 0, 360, 360 * 900]), 360.0, so_far=False)
    assert np.isfinite(table).all()
    assert table[3, 0] == pytest.approx(4.0 / ((0.2 + 1 + 4) / 3))
    assert table[1, 5] == pytest.approx(np.log(0.2))


def test_beats_that_are_left_out_still_count_in_the_rhythm():
    peaks = np.array([50, 410, 590, 950])
    arrays, kept = cut(np.zeros(1500), peaks, BeatExamples(remove_baseline=False, scaling="none", template="none", shape=False))
    np.testing.assert_array_equal(arrays["rr"], rr_features(peaks, RATE_HZ, so_far=False)[kept])
    assert kept.tolist() == [False, True, True, True]
