"""Each change of signals: what it does in training, that scores never meet it, and how far it goes at most."""

import numpy as np
import pytest

from kerasmed.config.run import Augmentation
from kerasmed.errors import ConfigError

pytestmark = pytest.mark.usefixtures("backend")
RATE_HZ, NUM_SAMPLES, NUM_LEADS = 500.0, 500, 12
EACH = {
    "amplitude": {"amplitude_rate": 0.3},
    "shift": {"shift_samples": 20},
    "wander": {"wander": 0.3},
    "powerline": {"powerline": 0.2},
    "motion": {"motion": 0.5},
    "noise": {"noise": 0.1},
    "lead_dropout": {"lead_dropout_rate": 0.4},
}


def changed(signal, rate_hz=RATE_HZ, seed=0, training=True, **settings):
    import keras

    from kerasmed.runtime import seed_everything
    from kerasmed.training.augment_signal import AugmentSignal

    seed_everything(seed)
    layer = AugmentSignal(Augmentation(**settings), rate_hz)
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(signal), training=training))


@pytest.fixture
def signal():
    return np.random.default_rng(0).normal(0, 1, (32, NUM_SAMPLES, NUM_LEADS)).astype(np.float32)


@pytest.fixture
def flat():
    return np.zeros((32, NUM_SAMPLES, NUM_LEADS), np.float32)


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_every_change_acts_in_training_and_not_elsewhere(settings, signal):
    assert not np.allclose(changed(signal, **settings), signal, atol=1e-3)
    np.testing.assert_array_equal(changed(signal, training=False, **settings), signal)


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_a_seed_decides_every_change(settings, signal):
    first, again, other = (changed(signal, seed=seed, **settings) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["wander", "powerline", "motion"])
def test_what_is_added_stays_within_its_limit_and_differs_between_examples(name, flat):
    added = changed(flat, **{name: 0.4})
    assert 0.1 < np.abs(added).max() <= 0.4 + 1e-6
    assert np.ptp(np.abs(added).max(axis=(1, 2))) > 0.01


def test_hum_has_the_frequency_of_one_of_the_mains_and_each_lead_its_share(flat):
    added = changed(flat, powerline=0.3, powerline_hz=(50.0, 60.0))
    spectrum = np.abs(np.fft.rfft(added, axis=1))
    peaks_hz = np.fft.rfftfreq(NUM_SAMPLES, 1 / RATE_HZ)[spectrum.sum(axis=2).argmax(axis=1)]
    assert set(peaks_hz) == {50.0, 60.0}
    assert np.ptp(np.abs(added).max(axis=1), axis=1).min() > 0.01


def test_hum_that_the_rate_cannot_hold_is_not_drawn(flat):
    added = changed(flat[:, :200], rate_hz=110.0, powerline=0.3)
    peaks_hz = np.fft.rfftfreq(200, 1 / 110)[np.abs(np.fft.rfft(added, axis=1)).sum(axis=2).argmax(axis=1)]
    assert peaks_hz == pytest.approx(50, abs=0.5)


def test_hum_is_refused_where_the_rate_holds_none_of_it(flat):
    with pytest.raises(ConfigError, match="a signal of 100 Hz holds nothing from 50 Hz on"):
        changed(flat, rate_hz=100.0, powerline=0.3)


def test_electrode_motion_is_sparse_and_each_leads_own(flat):
    added = changed(flat, motion=1.0, motion_events=1)
    still = np.abs(added).max(axis=1) == 0  # of each lead, whether nothing happened
    assert 0.3 < still.mean() < 0.7
    assert not still.all(axis=1).any()


def test_lost_leads_are_flat_and_the_others_as_they_were(signal):
    left = changed(signal, lead_dropout_rate=0.4)
    lost = (left == 0).all(axis=1)
    assert 0.3 < lost.mean() < 0.5
    np.testing.assert_array_equal(left.transpose(0, 2, 1)[~lost], signal.transpose(0, 2, 1)[~lost])


def test_one_lead_always_stays(signal):
    left = changed(signal[:, :, :2], lead_dropout_rate=0.99)
    assert ((left != 0).any(axis=1).sum(axis=1) == 1).mean() > 0.8
    assert (left != 0).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(changed(signal[:, :, :1], lead_dropout_rate=0.9), signal[:, :, :1])


def test_all_changes_together_run_in_a_compiled_step(tmp_path):
    from tests.fakes.toy import toy_config
    from tests.training.test_fit import fitted

    every = {name: size for settings in EACH.values() for name, size in settings.items()} | {"powerline_hz": (50.0,)}
    config = toy_config(epochs=1).model_copy(update={"augmentation": Augmentation(**every)})
    _, history = fitted(tmp_path, config)
    assert np.isfinite(history.rows[0]["val_loss"])
