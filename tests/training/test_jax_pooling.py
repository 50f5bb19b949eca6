"""Maxima that jax finds by kerasmed's own gradient are those of keras, and so are their gradients."""

from itertools import product

import numpy as np
import pytest

POOLS = [((13,), 3, 2), ((7, 9), 2, 2), ((6, 5), 3, 1), ((7, 7), 2, 3), ((6, 4, 5), 2, 2)]


@pytest.fixture(autouse=True)
def _jax_alone(backend):
    if backend != "jax":
        pytest.skip("jax alone looks for maxima so")


def pooling(size, strides, padding, axes, ours):
    """A model of one pooling."""
    import keras

    from kerasmed.training.on_jax.layers import use_kernels_of_jax

    kind = {1: keras.layers.MaxPooling1D, 2: keras.layers.MaxPooling2D, 3: keras.layers.MaxPooling3D}[len(axes)]
    inputs = keras.Input((*axes, 3))
    model = keras.Model(inputs, kind(size, strides, padding=padding)(inputs))
    if ours:
        use_kernels_of_jax(model)
        assert "call" in vars(model.layers[-1])
    return model


def answers(model, values):
    """Its answer, and the gradient of a sum whose weights all differ."""
    import jax

    answer, back = jax.vjp(model, values)
    weights = np.arange(1, answer.size + 1, dtype=answer.dtype).reshape(answer.shape)
    return np.asarray(answer), np.asarray(back(weights)[0])


@pytest.mark.parametrize(("pool", "padding"), list(product(POOLS, ("same", "valid"))))
def test_a_maximum_and_its_gradient_are_those_of_keras(pool, padding):
    axes, size, strides = pool
    # Small whole numbers: many windows have their maximum twice, and sums of gradients are exact.
    values = np.random.default_rng(0).integers(-2, 3, (4, *axes, 3)).astype(np.float32)
    ours, plain = (answers(pooling(size, strides, padding, axes, mine), values) for mine in (True, False))
    np.testing.assert_array_equal(ours[0], plain[0])
    np.testing.assert_array_equal(ours[1], plain[1])


def test_half_the_bits_stay_half_the_bits():
    import jax.numpy as jnp

    from kerasmed.training.on_jax.pooling import largest

    answer, gradient = answers(lambda x: largest(x, (2, 2), (2, 2), "same"), jnp.ones((2, 7, 9, 3), jnp.bfloat16))
    assert answer.dtype == gradient.dtype == jnp.bfloat16
