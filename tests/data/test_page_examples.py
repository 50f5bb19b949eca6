import numpy as np
import pytest

from kerasmed.config.page_crops import PageCrops
from kerasmed.data.page_examples import Window, crops_of, cut, page_spec
from kerasmed.errors import DataError
from tests.fakes.ecg_pages import CROPS, HEIGHT, PX_PER_MM, WIDTH, draw_page


def crops(seed=0, turn_deg=0.0, **changes):
    settings = CROPS.model_copy(update={"per_page": 6, **changes})
    return crops_of("P", *draw_page(seed, turn_deg), PX_PER_MM, settings, np.random.default_rng(seed))


def test_crops_are_what_the_spec_says():
    made, spec = crops(), page_spec(CROPS)
    assert set(made) == {*spec.inputs, *spec.targets}
    assert made["image"].shape == (6, 32, 64, 3)
    assert made["grid"].shape == (6, 32, 64, 2)
    assert {str(made[name].dtype) for name in ("image", "seg", "grid", "baseline")} == {"uint8"}


def test_the_strips_trace_lies_on_ink_at_every_scale():
    made = crops(shift_mm=0.0)
    for row, mask in zip(made["signal"], made["seg"][..., 0], strict=True):
        known = np.flatnonzero(np.isfinite(row))
        assert len(known) > 20
        assert np.median(mask[np.rint(row[known]).astype(int), known]) > 120


def test_the_line_that_the_network_is_told_is_the_strips_zero_line():
    made = crops(shift_mm=0.0, jitter_mm=0.0)
    for (start, slope), ridges in zip(made["row"], made["baseline"][..., 0], strict=True):
        columns = np.arange(ridges.shape[1])
        rows = np.rint(start + slope * columns).astype(int)
        inside = (rows >= 0) & (rows < len(ridges))
        assert ridges[rows[inside], columns[inside]].mean() > 200


def test_a_line_keeps_its_place_when_a_part_of_a_page_is_enlarged():
    page = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    page[40] = 255
    window = Window(left=10.0, top=30.0, zoom=2.5, height=60, width=80)
    found = cut(page, window)[..., 0].astype(float)
    centre = (found * np.arange(60)[:, None]).sum(axis=0) / found.sum(axis=0)
    np.testing.assert_allclose(centre, window.lines(np.full((1, WIDTH), 40.0))[0], atol=0.05)


def test_an_angle_is_that_of_the_page():
    np.testing.assert_allclose(crops(turn_deg=3.0)["theta"], 3.0, atol=1e-4)


def test_a_crop_larger_than_its_page_repeats_the_edge():
    made = crops(height=256, width=256, px_per_mm=(4.0, 4.0))
    assert made["image"].shape == (6, 256, 256, 3)
    assert np.isfinite(made["signal"]).any(axis=1).all()


def test_the_same_page_gives_the_same_crops():
    for first, again in zip(crops().values(), crops().values(), strict=True):
        np.testing.assert_array_equal(first, again)


def test_a_page_without_a_trace_is_refused_by_name():
    page, truth = draw_page(0)
    truth.trace_y[:] = np.nan
    with pytest.raises(DataError, match="P7: has no trace"):
        crops_of("P7", page, truth, PX_PER_MM, CROPS, np.random.default_rng(0))


def test_scales_that_descend_are_refused():
    with pytest.raises(ValueError, match="from a least to a largest scale"):
        PageCrops(px_per_mm=(8.0, 4.0))
