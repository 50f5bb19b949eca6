import numpy as np
import pytest

from kerasmed.data.baseline import remove_baseline

RATES = pytest.mark.parametrize("rate_hz", [100.0, 125.0, 250.0, 257.0, 360.0, 500.0, 1000.0])
SECONDS = 20


def times_at(rate_hz):
    return np.arange(int(SECONDS * rate_hz)) / rate_hz


def beats_mv(rate_hz):
    """float32 (n, 1): every 0.8 s a QRS complex of 1 mV, sigma 12 ms, and a T wave of 0.2 mV, sigma 50 ms."""
    times = times_at(rate_hz)
    since_r = (times + 0.4) % 0.8 - 0.4
    qrs, t_wave = np.exp(-((since_r / 0.012) ** 2) / 2), 0.2 * np.exp(-(((since_r - 0.25) / 0.05) ** 2) / 2)
    return (qrs + t_wave)[:, None].astype(np.float32)


def wander_mv(rate_hz):
    return (0.5 * np.sin(2 * np.pi * 0.15 * times_at(rate_hz)) + 0.3)[:, None].astype(np.float32)


def inner(signal, rate_hz):
    """Less a second at either end."""
    return signal[int(rate_hz) : -int(rate_hz)]


@RATES
def test_slow_wander_is_taken_away(rate_hz):
    flat = remove_baseline(wander_mv(rate_hz), rate_hz)
    assert np.abs(inner(flat, rate_hz)).max() < 0.02


@RATES
def test_the_qrs_complex_keeps_its_height(rate_hz):
    flat = remove_baseline(beats_mv(rate_hz) + wander_mv(rate_hz), rate_hz)[:, 0]
    r_peaks = np.round(0.8 * np.arange(2, 24) * rate_hz).astype(int)
    np.testing.assert_allclose(flat[r_peaks], beats_mv(rate_hz)[r_peaks, 0], atol=0.06)


@RATES
def test_the_t_wave_stays(rate_hz):
    t_peaks = np.round((0.25 + 0.8 * np.arange(2, 24)) * rate_hz).astype(int)
    np.testing.assert_allclose(remove_baseline(beats_mv(rate_hz), rate_hz)[t_peaks], 0.2, atol=0.03)


def test_the_rate_of_the_record_hardly_matters():
    at_360, at_720 = (
        remove_baseline(beats_mv(rate_hz) + wander_mv(rate_hz), rate_hz)[:, 0] for rate_hz in (360.0, 720.0)
    )
    np.testing.assert_allclose(at_720[::2], at_360, atol=0.04)


def test_an_offset_of_the_lead_does_not_matter():
    signal = beats_mv(360.0)
    np.testing.assert_allclose(remove_baseline(signal + 2, 360.0), remove_baseline(signal, 360.0), atol=1e-6)


def test_the_amplitude_is_kept_in_proportion():
    signal = beats_mv(360.0) + wander_mv(360.0)
    np.testing.assert_array_equal(remove_baseline(signal * 4, 360.0), remove_baseline(signal, 360.0) * 4)


def test_leads_do_not_meet():
    one, two = beats_mv(360.0), wander_mv(360.0)
    both = remove_baseline(np.hstack([one, two]), 360.0)
    np.testing.assert_array_equal(both, np.hstack([remove_baseline(one, 360.0), remove_baseline(two, 360.0)]))


@pytest.mark.parametrize("num_samples", [1, 2, 11, 12, 13, 60, 215, 217, 5000])
def test_a_constant_signal_becomes_zero(num_samples):
    assert not remove_baseline(np.full((num_samples, 2), -1.25, np.float32), 360.0).any()


@pytest.mark.parametrize("num_samples", [1, 2, 5, 11, 12, 13, 71, 73, 215, 217])
def test_a_short_signal_is_centred_and_keeps_its_length(num_samples):
    rng = np.random.default_rng(num_samples)
    flat = remove_baseline((3 + rng.normal(0, 0.01, (num_samples, 2))).astype(np.float32), 360.0)
    assert flat.shape == (num_samples, 2)
    assert np.abs(flat).max() < 0.06


def test_the_signal_that_came_in_is_not_changed():
    signal = beats_mv(360.0)
    before = signal.copy()
    flat = remove_baseline(signal, 360.0)
    np.testing.assert_array_equal(signal, before)
    assert flat.dtype == np.float32


def test_far_samples_do_not_reach_here():
    signal = beats_mv(360.0)
    changed = signal.copy()
    changed[4000:] += 1
    np.testing.assert_array_equal(remove_baseline(changed, 360.0)[:3600], remove_baseline(signal, 360.0)[:3600])
