"""Our 3-D convolution is keras' own, to the rounding of its sums."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (3, 1, 1), (2, 5, 4)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 2), (2, 1, 1)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_convolution_is_that_of_keras(kernel, stride, use_bias):
    from keras import layers, ops

    from kerasmed.models.conv3d import Conv3D

    volumes = np.random.default_rng(0).normal(size=(2, 7, 6, 5, 3)).astype("float32")
    ours, keras_own = (
        kind(4, kernel, stride, padding="same", use_bias=use_bias, bias_initializer="ones")
        for kind in (Conv3D, layers.Conv3D)
    )
    found = ops.convert_to_numpy(ours(volumes))
    keras_own.build(volumes.shape)
    keras_own.set_weights(ours.get_weights())
    np.testing.assert_allclose(found, ops.convert_to_numpy(keras_own(volumes)), atol=1e-5)
    assert tuple(ours.compute_output_shape((None, 7, 6, 5, 3))) == (None, *found.shape[1:])
