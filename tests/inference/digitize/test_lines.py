"""A line that was drawn is read again: flat, steep, crossed by another row, with a gap."""

import numpy as np
import pytest
from scipy import ndimage

from kerasmed.inference.digitize.reading import line_width, read_line
from kerasmed.inference.digitize.trace import Hint, follow_rows

WIDTH = 900


def inked(curves, height=600, pen=3):
    """Draw curves (WIDTH,) with a round pen at eight times the resolution."""
    fine = np.zeros((height, WIDTH), np.float32)
    for curve in curves:
        steps = np.linspace(0, WIDTH - 1, 40 * WIDTH)
        y = np.interp(steps, np.arange(WIDTH), curve)
        np.add.at(fine, (np.rint(y).astype(int), np.rint(steps).astype(int)), 1)
    away = ndimage.distance_transform_edt(fine == 0)
    return np.clip(pen / 2 + 0.5 - away, 0, 1).astype(np.float32)


def spikes(level, height, every=150, half=6):
    x = np.arange(WIDTH)
    away = np.abs((x + every // 2) % every - every // 2)
    return level - height * np.clip(1 - away / half, 0, 1)


def read(ink, rows):
    lines = follow_rows(ink, np.array(rows, float), 0, WIDTH)
    return [np.interp(np.arange(0, WIDTH, 0.25), *read_line(line)) for line in lines], lines


def test_the_width_of_the_pen_is_measured_on_level_parts():
    _, (line,) = read(inked([spikes(300, 100)]), [300])
    assert line_width(line) == pytest.approx(3, abs=0.6)


def test_a_slow_wave_is_read_to_a_third_of_a_pixel():
    curve = 300 + 20 * np.sin(np.arange(WIDTH) / 40)
    (found,), _ = read(inked([curve]), [300])
    assert np.abs(found[::4] - curve)[5:-5].max() < 0.7
    assert np.abs(found[::4] - curve)[5:-5].mean() < 0.33


@pytest.mark.parametrize("height", [60, 160, -160])
def test_the_tip_of_a_steep_peak_is_kept(height):
    curve = spikes(300, height)
    (found,), _ = read(inked([curve]), [300])
    for at in (150, 300, 450):
        near = found[4 * at - 16 : 4 * at + 17]
        assert (near.min() if height > 0 else near.max()) == pytest.approx(300 - height, abs=2)


def test_a_deep_wave_that_crosses_the_next_row_stays_with_its_own():
    upper, lower = spikes(200, -220, half=14), np.full(WIDTH, 330.0)
    (above, below), _ = read(inked([upper, lower]), [200, 330])
    assert above[4 * 300] > 410
    assert np.abs(below[::4] - lower).max() < 12


def test_two_waves_that_cross_keep_their_tips():
    upper, lower = spikes(150, -240, half=12), spikes(450, 200, half=12)
    (above, below), _ = read(inked([upper, lower]), [150, 450])
    assert above[4 * 300] == pytest.approx(390, abs=10)
    assert below[4 * 300] == pytest.approx(250, abs=10)


def test_what_a_network_reads_decides_between_two_lines():
    ink = inked([np.full(WIDTH, 280.0), np.full(WIDTH, 330.0)])
    nearest, told = (
        follow_rows(ink, np.array([300.0]), 0, WIDTH, None, hints)[0]
        for hints in (None, [Hint(np.full(WIDTH, 329.0), np.ones(WIDTH))])
    )
    assert np.median(nearest.path) == pytest.approx(280, abs=2)
    assert np.median(told.path) == pytest.approx(330, abs=2)


def test_a_gap_is_not_seen_and_bridged_straight():
    ink = inked([np.full(WIDTH, 300.0)])
    ink[:, 400:430] = 0
    (found,), (line,) = read(ink, [300])
    assert not line.seen[402:428].any()
    assert found[4 * 415] == pytest.approx(300, abs=0.5)


@pytest.mark.parametrize("told", [False, True])
def test_a_network_leads_through_a_gap_in_both_strokes_of_a_deep_wave(told):
    wave = 200 + 220 * np.clip(1 - np.abs(np.arange(WIDTH) - 300) / 10, 0, 1)
    ink = inked([wave])
    ink[215:330] = 0  # a word over the strokes, which a network took off with them
    hints = [Hint(wave, np.full(WIDTH, 0.5))] if told else None
    line = follow_rows(ink, np.array([200.0]), 0, WIDTH, None, hints)[0]
    assert (line.bottom[295:306].max() > 410) == told


def test_a_stroke_with_a_small_gap_is_still_climbed():
    curve = spikes(300, 160, half=10)
    ink = inked([curve])
    ink[230:242] = 0
    (found,), _ = read(ink, [300])
    assert found[4 * 300 - 16 : 4 * 300 + 17].min() == pytest.approx(140, abs=3)
