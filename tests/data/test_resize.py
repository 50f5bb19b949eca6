import numpy as np
import pytest

from kerasmed.data.resize import fit_into, to_depth
from tests.fakes.pictures import draw


@pytest.mark.parametrize("bits", [8, 16])
def test_area_is_the_mean_of_what_a_pixel_covers(bits):
    picture = draw(64, 64, bits)
    means = picture.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(fit_into(picture, 16, 16), means, atol=1)


@pytest.mark.parametrize("method", ["area", "lanczos"])
def test_the_aspect_is_kept_and_the_rest_is_black(method):
    framed = fit_into(np.full((40, 20), 200, np.uint8), 32, 32, method)
    np.testing.assert_array_equal(framed[:, 8:24], 200)
    assert framed[:, :8].max() == framed[:, 24:].max() == 0


def test_a_picture_of_the_size_stays_as_it_is():
    np.testing.assert_array_equal(fit_into(draw(), 64, 48), draw())


def test_shrinking_makes_no_pattern_that_was_not_there():
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    assert fit_into(stripes, 60, 60).std() < 20  # every second column taken alone would give 127


def test_a_small_picture_is_enlarged_smoothly():
    steps = np.abs(np.diff(fit_into(draw(8, 8), 64, 64).astype(int), axis=1))
    assert steps.max() < np.abs(np.diff(draw(8, 8).astype(int), axis=1)).max()


def test_depths_keep_black_and_white():
    values = np.array([[0, 128, 255]], np.uint8)
    assert to_depth(values, 16).tolist() == [[0, 32896, 65535]]
    np.testing.assert_array_equal(to_depth(to_depth(values, 16), 8), values)
