from itertools import product

import numpy as np
import pytest
from scipy.signal import resample_poly

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.examples import beat_spec, beats_of
from kerasmed.data.morphology import SHAPE_CHANNELS
from kerasmed.data.resampling import resampling_kernel
from kerasmed.data.rhythm import rr_features
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec
from tests.fakes.beats import RATE_HZ, bumps_mv, regular_peaks, signal_record

# The windows alone, as they are in the record.
RAW = {"remove_baseline": False, "scaling": "none", "template": "none", "shape": False, "rr": "none"}
PLAIN = BeatExamples(before_s=0.3, after_s=0.45, rate_hz=128, **RAW)
NATIVE = BeatExamples(before_s=0.25, after_s=0.5, rate_hz=RATE_HZ, **RAW)
TWO_LEADS = ("V1", "MLII")
EVERY_WAY = [
    BeatExamples(leads=TWO_LEADS, remove_baseline=flat, scaling=scaling, template=template, rr=rr, shape=shape)
    for flat, scaling, template, rr, shape in product(
        (True, False), ("none", "record", "min_max"), ("none", "residual", "both"), ("none", "so_far"), (True, False)
    )
]


def cut(signal_mv, peaks, settings=PLAIN, **record):
    return beats_of(signal_record(signal_mv, **record), np.asarray(peaks, np.int64), settings)


def millivolts(signal_mv, peaks, settings=PLAIN, **record):
    return cut(signal_mv, peaks, settings, **record)[0]["signal"][..., 0] * 1e-3


def test_arrays_are_what_the_spec_says():
    peaks = regular_peaks(5)
    for settings in EVERY_WAY:
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
    settings = BeatExamples(before_s=0.25, after_s=0.5, rate_hz=200, **RAW)
    np.testing.assert_allclose(millivolts(signal, [400], settings, rate_hz=100)[0][::2], signal[375:450], atol=6e-4)


def test_leads_are_taken_by_name_in_the_order_asked():
    peaks = regular_peaks(3)
    both = PLAIN.model_copy(update={"leads": TWO_LEADS})
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


@pytest.mark.parametrize("signal_mv", [np.zeros((500, 2)), np.zeros((60, 2))], ids=["no beat", "no whole beat"])
def test_a_record_without_beats_gives_empty_arrays_in_every_way(signal_mv):
    for settings in EVERY_WAY:
        arrays, kept = cut(signal_mv, [30] if len(signal_mv) < 500 else [], settings, leads=TWO_LEADS)
        assert {name: array.shape for name, array in arrays.items()} == {
            name: (0, *array.shape) for name, array in beat_spec(settings, ("N",)).inputs.items()
        }
        assert not kept.any()


@pytest.mark.parametrize("count", [1, 2, 7])
def test_gaps_and_flat_leads_leave_no_nan_in_any_way(count):
    peaks = regular_peaks(count)
    signal = bumps_mv(4000, peaks)
    signal[3000:3050], signal[:, 1] = np.nan, 0.25
    for settings in EVERY_WAY:
        arrays, kept = cut(signal, np.append(peaks, 3020), settings, leads=TWO_LEADS)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert kept.tolist() == [True] * count + [False]


def test_min_max_reaches_from_0_to_1_and_flat_windows_are_0():
    signal = np.concatenate([bumps_mv(1000, np.array([500]))[:, 0], np.zeros(1000)])
    settings = PLAIN.model_copy(update={"scaling": "min_max"})
    steps = cut(signal, [500, 1500], settings)[0]["signal"]
    scale = beat_spec(settings, ("N",)).inputs["signal"].scale
    assert (steps[0].min(), steps[0].max() * scale) == (0, 1)
    assert not steps[1].any()


def test_min_max_scales_every_channel_alone():
    peaks = regular_peaks(3)
    settings = BeatExamples(leads=TWO_LEADS, scaling="min_max", template="both")
    steps = cut(bumps_mv(1500, peaks) * [5, 1], peaks, settings, leads=TWO_LEADS)[0]["signal"]
    assert np.all(steps.min(axis=1) == 0)
    assert np.all(steps.max(axis=1) == 32767)


def test_without_its_baseline_a_record_has_no_wander():
    peaks = regular_peaks(8)
    flat = bumps_mv(3000, peaks)[:, 0]
    wander = 0.3 * np.sin(np.arange(3000) / 500) + 1
    kept, removed = (
        np.abs(millivolts(flat + wander, peaks, settings) - millivolts(flat, peaks, settings)).max()
        for settings in (PLAIN, PLAIN.model_copy(update={"remove_baseline": True}))
    )
    assert removed < 0.05 < 1 < kept


def test_samples_beyond_the_range_are_clipped_and_counted(caplog):
    windows = millivolts(np.full(1000, 40.0), [500])
    assert np.all(windows == 32.767)
    assert "r: 96 samples beyond 32.767 were clipped" in caplog.text


def test_the_resampling_kernel_is_computed_once_and_cannot_be_changed():
    _, bands = resampling_kernel(360.0, 128.0, 38, 58)
    assert resampling_kernel(360.0, 128.0, 38, 58)[1] is bands
    with pytest.raises(ValueError, match="read-only"):
        bands[0].weights[0] = 0


def test_beats_that_are_left_out_still_count_in_the_rhythm():
    peaks = np.array([50, 410, 590, 950])
    arrays, kept = cut(np.zeros(1500), peaks, PLAIN.model_copy(update={"rr": "whole"}))
    np.testing.assert_array_equal(arrays["rr"], rr_features(peaks, RATE_HZ, so_far=False)[kept])
    assert kept.tolist() == [False, True, True, True]


def record_of(count=9, odd=(), seed=0):
    """A signal (n, 2) of equal beats, of which those at `odd` are upside down, and their peaks."""
    peaks = regular_peaks(count)
    signal = bumps_mv(int(peaks[-1]) + 400, peaks, seed)
    for number in odd:
        signal[peaks[number] - 150 : peaks[number] + 150] *= -1
    return signal, peaks


def test_the_default_window_is_162_samples_of_the_residual():
    signal = beat_spec(BeatExamples(), ("N",)).inputs["signal"]
    assert (signal.shape, signal.channels, signal.unit) == ((162, 1), ("MLII_residual",), "QRS height")


@pytest.mark.parametrize("template", ["none", "residual", "both"])
@pytest.mark.parametrize(("factor", "steps"), [(4, 0), (3, 1), (0.3, 1)])
def test_scaled_by_record_the_amplitude_of_the_record_does_not_matter(template, factor, steps):
    signal, peaks = record_of(odd=[4])
    settings = BeatExamples(leads=TWO_LEADS, template=template)
    one, other = (cut(signal * scale, peaks, settings, leads=TWO_LEADS)[0] for scale in (1, factor))
    np.testing.assert_allclose(other["signal"], one["signal"], rtol=0, atol=steps)
    np.testing.assert_allclose(other["shape"], one["shape"], rtol=0, atol=1e-4)


def test_scaled_by_record_the_usual_qrs_complex_is_one_high_in_each_lead():
    signal, peaks = record_of()
    settings = BeatExamples(leads=TWO_LEADS, template="none")
    steps = cut(signal * [0.2, 7], peaks, settings, leads=TWO_LEADS)[0]["signal"]
    np.testing.assert_allclose(np.ptp(steps * 1e-3, axis=1), 1, atol=0.1)


def test_the_residual_of_a_usual_beat_is_about_nothing():
    signal, peaks = record_of()
    assert np.abs(millivolts(signal[:, 0], peaks, BeatExamples(scaling="none"))).max() < 0.06


def test_the_residual_of_another_beat_is_what_differs():
    signal, peaks = record_of(odd=[4])
    residual = millivolts(signal[:, 0], peaks, BeatExamples(scaling="none"))
    assert residual[4].min() == pytest.approx(-2, abs=0.1)
    assert np.abs(np.delete(residual, 4, axis=0)).max() < 0.06


def test_the_beats_left_out_are_no_part_of_the_usual_one():
    signal, peaks = record_of()
    with_end, _ = cut(signal[:, 0], np.append(peaks, len(signal) - 1), BeatExamples())
    without, _ = cut(signal[:, 0], peaks, BeatExamples())
    np.testing.assert_array_equal(with_end["signal"], without["signal"])


def test_both_is_the_beats_of_all_leads_then_their_residuals():
    signal, peaks = record_of(odd=[4])
    ways = {way: BeatExamples(leads=TWO_LEADS, template=way) for way in ("both", "none", "residual")}
    channels = {way: beat_spec(settings, ("N",)).inputs["signal"].channels for way, settings in ways.items()}
    steps = {way: cut(signal, peaks, settings, leads=TWO_LEADS)[0]["signal"] for way, settings in ways.items()}
    assert channels["both"] == ("V1", "MLII", "V1_residual", "MLII_residual") == channels["none"] + channels["residual"]
    np.testing.assert_array_equal(steps["both"], np.concatenate([steps["none"], steps["residual"]], axis=2))


def test_shape_features_are_named_lead_by_lead():
    signal, peaks = record_of(odd=[4])
    settings = BeatExamples(leads=TWO_LEADS)
    names = beat_spec(settings, ("N",)).inputs["shape"].channels
    flat_v1, _ = cut(signal * [0, 1], peaks, settings, leads=TWO_LEADS)
    features = dict(zip(names, flat_v1["shape"].T, strict=True))
    assert len(names) == 2 * len(SHAPE_CHANNELS)
    assert features["V1_like"].max() == 0
    np.testing.assert_array_equal(np.flatnonzero(features["MLII_like"] < 0.5), [4])


def test_a_lone_beat_is_its_own_usual_beat():
    signal, peaks = record_of(count=1)
    arrays, _ = cut(signal[:, 0], peaks, BeatExamples())
    assert not arrays["signal"].any()
    assert arrays["shape"][0, :7].tolist() == pytest.approx([1] * 4 + [0] * 3, abs=1e-6)
