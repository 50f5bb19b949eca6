"""A dropout that draws 16 bits for a value still drops its share, and another one each time."""

import numpy as np
import pytest

RATE = 0.3


@pytest.fixture
def dropped(backend):
    """(pass, example, value) of ones that went through a dropout three times; the third from the seed of the first."""
    import keras

    from kerasmed.training.on_jax.layers import use_kernels_of_jax
    from kerasmed.training.on_torch.layers import use_kernels_of_torch

    inputs = keras.Input((1001,))
    model = keras.Model(inputs, keras.layers.Dropout(RATE, seed=1)(inputs))
    use_kernels_of_jax(model)
    use_kernels_of_torch(model)
    assert ("call" in vars(model.layers[-1])) == (backend != "tensorflow"), "which draws as keras does"
    state = model.layers[-1].seed_generator.state
    start, ones = np.array(state), np.ones((201, 1001), np.float32)
    passes = [model(ones, training=True) for _ in range(2)]
    state.assign(start)
    passes.append(model(ones, training=True))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(ones)), ones)
    return np.stack([keras.ops.convert_to_numpy(values) for values in passes])


def test_a_dropout_drops_its_share_and_raises_what_it_keeps(dropped):
    first = dropped[0]
    assert set(np.unique(first.round(3))) == {0.0, np.float32(1 / (1 - RATE)).round(3)}
    assert (first == 0).mean() == pytest.approx(RATE, abs=0.005)
    assert first.mean() == pytest.approx(1.0, abs=0.007)


def test_values_that_come_from_one_number_are_dropped_apart(dropped):
    zero = (dropped[0] == 0).astype(float)
    for away in (1, 2, 3):
        assert np.corrcoef(zero[:, :-away].ravel(), zero[:, away:].ravel())[0, 1] == pytest.approx(0.0, abs=0.01)
    halves = np.array_split(zero.ravel()[:-1], 2)
    assert np.corrcoef(*halves)[0, 1] == pytest.approx(0.0, abs=0.01)


def test_every_pass_drops_anew_and_a_seed_that_was_set_drops_again(dropped):
    assert (dropped[0] != dropped[1]).mean() == pytest.approx(2 * RATE * (1 - RATE), abs=0.01)
    np.testing.assert_array_equal(dropped[0], dropped[2])
