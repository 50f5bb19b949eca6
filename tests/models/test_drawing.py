"""The image of an ECG: lines where the signal is, joined, cut off at the cell's edge, the same at every rate."""

import numpy as np
import pytest

from kerasmed.errors import ConfigError

pytestmark = pytest.mark.usefixtures("backend")
SIZE = 64


def drawn(signal_mv, columns=1, range_mv=2.0):
    """Ink from 0 to 1, (SIZE, SIZE)."""
    from keras import ops

    from kerasmed.models.drawing import DrawLeads

    image = ops.convert_to_numpy(DrawLeads(SIZE, columns, range_mv)(np.asarray(signal_mv, np.float32)[None]))[0]
    assert image.shape == (SIZE, SIZE, 3)
    assert np.all(image == image[:, :, :1])
    return (1.0 - image[:, :, 0]) / 2.0


def test_zero_millivolts_are_a_line_across_the_middle():
    ink = drawn(np.zeros((100, 1)))
    np.testing.assert_allclose(ink.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_allclose(ink[31:33], 0.5, atol=1e-5)


def test_a_step_is_joined_from_one_level_to_the_other():
    signal = np.where(np.arange(100) < 50, -1.0, 1.0)[:, None]
    joined = drawn(signal)[:, 31:33].max(axis=1)
    assert joined[17:47].min() == pytest.approx(1.0)


def test_a_peak_of_one_sample_reaches_its_height():
    signal = np.zeros((997, 1))
    signal[430] = 1.5
    top = int(np.flatnonzero(drawn(signal).max(axis=1) > 0.5)[0])
    assert top == round((2.0 - 1.5) * (SIZE - 1) / 4.0)


def test_what_is_beyond_the_range_runs_along_the_edge_of_its_own_cell():
    ink = drawn(np.stack([np.full(100, -9.0), np.full(100, 9.0)], axis=1))
    np.testing.assert_allclose(ink[31:33], 1.0)
    assert ink.sum() == pytest.approx(2 * SIZE)


def test_a_column_shows_its_own_part_of_the_time():
    early = np.where(np.arange(100) < 50, 1.0, 0.0)
    ink = drawn(np.stack([early, early], axis=1), columns=2)
    assert ink[:20, :32].sum() == pytest.approx(32.0)
    assert ink[:20, 32:].sum() == 0


def test_a_cell_without_a_lead_is_blank():
    ink = drawn(np.zeros((90, 3)), columns=2)
    assert ink[:32].sum() == pytest.approx(SIZE)
    assert ink[32:, 32:].sum() == 0


def test_the_rate_of_a_signal_hardly_changes_its_image():
    slow, fast = (np.sin(np.linspace(0, 20, length))[:, None] for length in (1000, 5000))
    assert np.abs(drawn(slow) - drawn(fast)).mean() < 2e-3


def test_twelve_leads_of_ten_seconds_fill_an_image_of_224_pixels():
    from keras import ops

    from kerasmed.models.drawing import DrawLeads

    image = DrawLeads(224, 2, 2.0)(np.zeros((2, 5000, 12), np.float32))
    white = ops.convert_to_numpy(image)[0, :, :, 0]
    assert [int((white[row : row + 37] < 1).any(axis=1).sum()) for row in range(0, 222, 37)] == [1] * 6


def test_leads_that_do_not_fit_are_refused_in_words():
    from kerasmed.models.drawing import require_room

    with pytest.raises(ConfigError, match="12 x 1 leads of 1000 samples cannot be drawn on 16 x 16 pixels"):
        require_room(16, 1, 1000, 12)
