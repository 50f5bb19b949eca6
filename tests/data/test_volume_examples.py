"""Volumes become examples of one size, with values from black to white."""

import numpy as np
import pytest

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.records import VolumeRecord
from kerasmed.data.volume_examples import fitted, resized, settings_of, volume_spec, voxel_of
from kerasmed.data.volume_examples import volume_example as example_of
from kerasmed.errors import DataError
from tests.fakes.volumes import draw_volume

SIZE = (6, 6, 6)


def volume_example(name, voxels, settings, **told):
    return example_of(VolumeRecord(name, voxels, **told), settings)


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


def test_the_spec_survives_json_with_its_voxel():
    settings = VolumeExamples(shape=SIZE, spacing_mm=(1.5, 0.5, 0.5))
    spec = volume_spec(settings, ("a", "b"), voxel_of(settings, (12, 12, 12)))
    again = type(spec).from_json(spec.to_json())
    assert again.inputs == spec.inputs
    assert again.recipe["voxel_mm"] == [1.5, 0.5, 0.5]
    assert settings_of(again) == settings


def test_a_resized_volume_has_a_voxel_of_another_size():
    settings = VolumeExamples(shape=(6, 12, 24), file_spacing_mm=(1.0, 0.5, 0.5))
    assert voxel_of(settings, (12, 12, 12)) == (2.0, 0.5, 0.25)
    assert voxel_of(VolumeExamples(), (12, 12, 12)) is None


def test_volumes_of_another_spacing_show_a_thing_at_its_true_size():
    """A cube of 6 mm, once in slices of 3 mm and once in slices of 1 mm."""
    settings = VolumeExamples(shape=(12, 12, 12), spacing_mm=(1.0, 1.0, 1.0), intensity="min_max")
    thick, thin = np.zeros((6, 12, 12), np.int16), np.zeros((12, 12, 12), np.int16)
    thick[2:4, 3:9, 3:9] = thin[3:9, 3:9, 3:9] = 100
    one = volume_example("thick", thick, settings, spacing_mm=(3.0, 1.0, 1.0))
    other = volume_example("thin", thin, settings, spacing_mm=(1.0, 1.0, 1.0))
    assert (one > 127).sum() == (other > 127).sum() == 6**3


def test_what_is_shorter_than_its_shape_stands_in_black_and_what_is_longer_is_cut():
    found = fitted(np.ones((2, 8, 3)), (4, 4, 3), fill=0.0)
    assert found.sum(axis=(1, 2)).tolist() == [0, 12, 12, 0]


def test_a_volume_that_does_not_say_its_spacing_is_not_resampled():
    with pytest.raises(DataError, match=r"Write dataset\.examples\.file_spacing_mm"):
        volume_example("v", draw_volume(12), VolumeExamples(shape=SIZE, spacing_mm=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize(("left", "turned"), [(True, True), (False, False), (None, False)])
def test_left_volumes_are_mirrored_along_the_axis_that_is_set(left, turned):
    settings = VolumeExamples(shape=(12, 12, 12), intensity="full", mirror_left="width")
    found = volume_example("v", draw_volume(12), settings, left=left)[..., 0]
    np.testing.assert_array_equal(found, draw_volume(12)[..., ::-1] if turned else draw_volume(12))
