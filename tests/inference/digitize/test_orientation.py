"""Pages that lie on their side or head."""

import numpy as np
import pytest

from kerasmed.errors import DataError
from kerasmed.evaluation.digitized import powers_2025
from kerasmed.inference.digitize.orientation import digitize_upright
from kerasmed.inference.digitize.page import Wishes
from tests.fakes.pages import clean_page


@pytest.fixture(scope="module")
def upright():
    picture, truth, _ = clean_page()
    return digitize_upright("page", picture, Wishes()), picture, truth


@pytest.fixture(scope="module", params=[1, 2, pytest.param(3, marks=pytest.mark.slow)])
def lying(request, upright):
    """Quarters clockwise, the picture so turned, and what is read off it."""
    given = np.ascontiguousarray(np.rot90(upright[1], -request.param))
    return request.param, given, digitize_upright("page", given, Wishes())


def test_a_page_is_read_whichever_way_up_it_lies(upright, lying):
    (page, _, truth), (turn, _, found) = upright, lying
    ratio = powers_2025(truth["signals"].astype(float), found.signals_mv, 500).ratio
    assert 10 * np.log10(ratio) > 12
    assert found.notes[-1].startswith("the page lay turned by ")
    assert (found.grid.angle_deg - page.grid.angle_deg + 90 * turn) % 360 == pytest.approx(0, abs=1e-6)


def test_lines_stand_in_the_picture_as_it_was_given(upright, lying):
    (page, _, _), (_, given, found) = upright, lying
    x, y = np.rint(found.rows_px[-1][np.isfinite(found.rows_px[-1]).all(axis=1)]).astype(int).T
    darkness = 255 - given.max(axis=2).astype(float)
    assert darkness[y, x].mean() > 3 * darkness.mean()
    assert len(x) == np.isfinite(page.rows_px[-1]).all(axis=1).sum()


def test_an_upright_page_says_nothing_of_turns(upright):
    assert not any("turned" in note for note in upright[0].notes)


def test_bare_paper_is_refused_whichever_way_up():
    with pytest.raises(DataError, match="page: shows no grid"):
        digitize_upright("page", np.full((400, 500, 3), 250, np.uint8), Wishes())
