"""Volumes become examples of one size, with values from black to white."""

import numpy as np
import pytest

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.volume_examples import resized, volume_example, volume_spec
from kerasmed.errors import DataError
from tests.fakes.volumes import draw_volume

SIZE = (6, 6, 6)


def test_shrinking_is_the_mean_of_what_a_voxel_covers():
    voxels = draw_volume(12).astype(np.float32)
    blocks = voxels.reshape(6, 2, 6, 2, 6, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(resized(voxels, SIZE), blocks, rtol=1e-5)


def test_resizing_keeps_the_mean_and_each_axis_has_its_own_size():
    voxels = draw_volume(12).astype(np.float32)
    shrunk = resized(voxels, (5, 12, 7))
    assert shrunk.shape == (5, 12, 7)
    assert shrunk.mean() == pytest.approx(voxels.mean(), rel=1e-5)


def test_growing_stays_between_the_values_that_were_there():
    grown = resized(draw_volume(6).astype(np.float32), (9, 13, 6))
    assert grown.shape == (9, 13, 6)
    assert grown.min() >= 0
    assert grown.max() <= 240


@pytest.mark.parametrize(("intensity", "ends"), [("full", (10, 200)), ("min_max", (0, 255)), ("percentiles", (0, 255))])
def test_what_becomes_black_and_white_is_a_setting(intensity, ends):
    voxels = np.full(SIZE, 10, np.uint8)
    voxels[:3] = 200
    example = volume_example("v", voxels, VolumeExamples(shape=SIZE, intensity=intensity))
    assert (example.min(), example.max()) == ends


def test_one_bright_voxel_does_not_darken_the_others_by_percentiles():
    voxels = draw_volume(12).astype(np.float64)
    voxels[0, 0, 0] = 1e6
    settings = VolumeExamples(shape=(12, 12, 12))
    assert np.median(volume_example("v", voxels, settings)) > 10
    assert np.median(volume_example("v", voxels, settings.model_copy(update={"intensity": "min_max"}))) == 0


def test_sixteen_bits_are_the_same_volume():
    voxels = draw_volume(12)
    deep = volume_example("v", voxels, VolumeExamples(shape=SIZE, bits=16))
    flat = volume_example("v", voxels, VolumeExamples(shape=SIZE))
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep / 65535, flat / 255, atol=1 / 255)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (np.full(SIZE, 3, np.int16), "nothing but the value 3"),
        (np.where(np.arange(216).reshape(SIZE) == 5, np.nan, np.arange(216).reshape(SIZE)), "missing or infinite"),
    ],
)
def test_volumes_that_say_nothing_are_refused(voxels, reason):
    with pytest.raises(DataError, match=reason):
        volume_example("v", voxels, VolumeExamples(shape=SIZE))


def test_floats_have_no_full_range():
    with pytest.raises(DataError, match="intensity=min_max"):
        volume_example("v", draw_volume(6).astype(np.float32), VolumeExamples(shape=SIZE, intensity="full"))


def test_the_spec_survives_json_with_its_spacing():
    spec = volume_spec(VolumeExamples(shape=SIZE, spacing_mm=(1.5, 0.5, 0.5)), ("a", "b"))
    again = type(spec).from_json(spec.to_json())
    assert again.inputs == spec.inputs
    assert VolumeExamples.model_validate(again.settings).spacing_mm == (1.5, 0.5, 0.5)
