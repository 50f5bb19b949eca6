"""Where rows begin and leads change."""

import numpy as np
import pytest

from kerasmed.inference.digitize.flat import PX_PER_MM, FlatPage
from kerasmed.inference.digitize.rows import Pulse, find_pulse
from kerasmed.inference.digitize.timing import Timing, erase_bars, find_timing

START = 120
LENGTH = 250 * PX_PER_MM
ROWS = np.array([300.0, 600.0])


def page_with_bars(off=0):
    """Ink of bars between four leads; the first bar at `off` pixels from its place."""
    ink = np.zeros((800, 2400), np.float32)
    for number in (1, 2, 3):
        middle = START + number * LENGTH // 4 + off
        for row in ROWS.astype(int):
            ink[row - 24 : row + 25, middle - 2 : middle + 3] = 1
    return ink


def test_leads_meet_in_the_middle_of_a_bar():
    timing = Timing(float(START), 250.0, ((617, 621), (1120, 1124)))
    assert [first for first, _ in timing.stretches(4)][1:] == [620, 1122, 1620]
    assert [end for _, end in timing.stretches(4)][:2] == [620, 1122]


def test_a_row_of_one_lead_knows_no_bars():
    assert Timing(float(START), 250.0, ((617, 621),)).stretches(1) == [(START + 4, START + LENGTH)]


def test_bars_correct_the_place_of_the_whole_row():
    timing = find_timing(page_with_bars(off=5), ROWS, (START, START + LENGTH), None, 4)
    assert timing.start == START + 5


@pytest.mark.parametrize("hidden", [(8, 40), (0, 40)])
def test_a_row_whose_ends_are_hidden_begins_at_the_edge_of_its_pulse(hidden):
    pulse = Pulse(START - 40.0, float(START), 10.0, (300.0, 600.0), 1.0)
    extent = (START + hidden[0], START + LENGTH - hidden[1])
    blank = np.zeros((800, 2400), np.float32)
    assert find_timing(blank, ROWS, extent, pulse, 4).start == START


@pytest.mark.parametrize("foot", [0, 8])
def test_the_foot_of_a_pulse_belongs_to_no_lead(foot):
    pulse = Pulse(START - 24.0 - foot, float(START - foot), 10.0, (300.0, 600.0), 1.0)
    blank = np.zeros((800, 2400), np.float32)
    assert find_timing(blank, ROWS, (START - foot, START + LENGTH), pulse, 4).start == START


def test_a_pulse_behind_the_row_ends_it():
    pulse = Pulse(START + LENGTH + 8.0, START + LENGTH + 32.0, 10.0, (300.0, 600.0), 1.0)
    blank = np.zeros((800, 2400), np.float32)
    assert find_timing(blank, ROWS, (START, START + LENGTH + 8), pulse, 4).start == START


def outline(hidden=()):
    """Ink of pulses of 10 mm and 5 mm before two rows; of the rows `hidden` the rising edge is missing."""
    ink = np.zeros((800, 2400), np.float32)
    for number, row in enumerate(ROWS.astype(int)):
        ink[row - 81 : row - 78, START - 40 : START] = 1
        ink[row - 80 : row, START - 1 : START + 2] = 1
        if number not in hidden:
            ink[row - 80 : row, START - 41 : START - 38] = 1
        ink[row - 1 : row + 2, START:] = 1
    return FlatPage(ink, None, np.eye(3))


@pytest.mark.parametrize("hidden", [(), (0, 1)])
def test_a_pulse_is_found_also_where_one_edge_is_hidden(hidden):
    pulse = find_pulse(outline(hidden), ROWS, (START, START + LENGTH), 0.75)
    assert pulse is not None
    assert pulse.right == pytest.approx(START, abs=2)
    assert (pulse.height_mm, pulse.width_mm) == (10.0, 5.0)


def test_a_line_alone_is_no_pulse():
    page = outline()
    page.trace[:, : START - 1] = 0
    page.trace[:590] = 0
    assert find_pulse(page, ROWS, (START, START + LENGTH), 0.75) is None


def test_bars_are_erased_and_a_wave_beside_one_stays():
    ink = page_with_bars()
    wave = (slice(300, 460), slice(START + LENGTH // 4 + 5, START + LENGTH // 4 + 8))
    ink[wave] = 1
    bare = erase_bars(ink, ROWS, find_timing(ink, ROWS, (START, START + LENGTH), None, 4).bars)
    assert bare[270:330, START + LENGTH // 4].max() == 0
    assert bare[wave].min() == 1


def test_what_is_no_bar_on_the_map_is_not_erased():
    ink = np.zeros((800, 2400), np.float32)
    ink[300, :] = 1
    np.testing.assert_array_equal(erase_bars(ink, ROWS, ((617, 621),)), ink)
