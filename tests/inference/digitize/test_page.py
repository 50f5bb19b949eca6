"""Whole pages: layout, scale, leads in millivolts, and what is said of what cannot be read."""

import numpy as np
import pytest

from kerasmed.errors import ConfigError, DataError
from kerasmed.evaluation.digitized import angle_error_deg, grid_error_px, powers_2025
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.page import Wishes, digitize
from tests.fakes.pages import clean_page, perfect_maps


@pytest.fixture(scope="module")
def by_darkness():
    picture, truth, _ = clean_page()
    return digitize("page", picture), truth


def db(truth, page):
    return 10 * np.log10(powers_2025(truth["signals"].astype(float), page.signals_mv, 500).ratio)


def test_a_clean_page_is_read_by_darkness_alone(by_darkness):
    page, truth = by_darkness
    assert page.layout == "3x4+1"
    assert db(truth, page) > 12


def test_leads_stand_at_their_place_and_what_is_not_printed_is_nan(by_darkness):
    page, truth = by_darkness
    assert page.signals_mv.shape == (12, 5000)
    known, printed = np.isfinite(page.signals_mv), np.isfinite(truth["signals"])
    assert (known == printed).mean() > 0.999
    assert page.quality[LEADS.index("V1")].printed_s == (5.0, 7.5)


def test_the_paper_is_found_to_a_part_of_a_pixel(by_darkness):
    page, truth = by_darkness
    assert grid_error_px(truth["homography"], page.grid.to_pixels, (850, 1100)) < 0.5
    assert angle_error_deg(float(truth["angle_deg"]), page.grid.angle_deg) < 0.1


@pytest.mark.parametrize("layout", ["6x2", "12x1"])
def test_with_perfect_maps_each_layout_is_read(layout):
    picture, truth, _ = clean_page(layout, "phone")
    page = digitize("page", picture, perfect_maps(truth))
    assert page.layout == layout
    assert db(truth, page) > 8


def test_a_lead_without_ink_is_refused_by_name_and_never_zero():
    picture, truth, _ = clean_page("3x4", "clean")
    maps = perfect_maps(truth)
    columns = np.isfinite(truth["trace_y"][0])
    first, last = np.flatnonzero(columns)[[0, -1]]
    bare = maps.trace.copy()
    bare[:, first : first + (last - first) // 4][truth["trace"][:, first : first + (last - first) // 4] == 1] = 0
    page = digitize("page", picture, type(maps)(bare, maps.grid, maps.baseline, maps.angle_deg, "truth"))
    lead = page.quality[0]
    assert lead.refused is not None
    assert "ink" in lead.refused
    assert np.isnan(page.signals_mv[0]).all()


def test_bare_paper_is_refused():
    with pytest.raises(DataError, match="page: shows no grid"):
        digitize("page", np.full((400, 500, 3), 250, np.uint8))


def test_a_layout_that_is_none_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean '3x4'"):
        Wishes(layout="3x5")
