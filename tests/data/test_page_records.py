import numpy as np
import pytest

from kerasmed.data.page_records import LEADS, PageRef, need_leads, on_page, read_printed
from kerasmed.errors import DataError


def tones(rate_hz, seconds=10.0):
    """(num_samples, 12): lead k is a tone of k + 1 Hz."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.sin(2 * np.pi * np.arange(1, 13) * time_s[:, None])


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0, 512.0, 1000.0, 1025.0])
def test_signals_of_any_rate_become_those_of_a_page(rate_hz):
    signals = on_page(tones(rate_hz), rate_hz)
    assert (signals.shape, signals.dtype) == ((12, 5000), np.float32)
    inside = slice(300, 4700)
    np.testing.assert_allclose(signals[:, inside], tones(500.0).T[:, inside], atol=0.01)


def test_a_lead_stays_in_its_place_and_gaps_stay_gaps():
    whole = tones(250.0)
    cut = np.full_like(whole, np.nan)
    cut[625:1250, 3] = whole[625:1250, 3]
    signals = on_page(cut, 250.0)
    assert np.flatnonzero(np.isfinite(signals[3]))[[0, -1]].tolist() == [1250, 2499]
    assert not np.isfinite(np.delete(signals, 3, axis=0)).any()
    np.testing.assert_allclose(signals[3, 1300:2450], tones(500.0).T[3, 1300:2450], atol=0.01)


def test_a_short_record_ends_in_gaps_and_a_long_one_is_cut():
    assert np.isfinite(on_page(tones(250.0, 4.0), 250.0)).sum(axis=1).tolist() == [2000] * 12
    assert np.isfinite(on_page(tones(250.0, 12.0), 250.0)).all()


def test_leads_are_found_in_any_case_and_a_missing_one_is_named():
    assert need_leads(tuple(lead.upper() for lead in LEADS[::-1]), "r") == tuple(range(11, -1, -1))
    with pytest.raises(DataError, match="r: has no lead V5, V6"):
        need_leads(LEADS[:-2], "r")


class Counted:
    """Signals that count how often they are read."""

    def __init__(self, path):
        self.path, self.reads = path, 0

    def __repr__(self):
        return "counted"

    def read(self):
        self.reads += 1
        return np.full((12, 5000), np.nan, np.float32)


def test_signals_are_kept_where_asked_for_until_their_file_changes(tmp_path):
    (tmp_path / "signals").write_text("a")
    counted = Counted(tmp_path / "signals")
    page = PageRef("p", tmp_path / "p.png", printed=counted)
    for _ in range(2):
        assert np.isnan(read_printed(page, tmp_path / "cache")).all()
    assert counted.reads == 1
    (tmp_path / "signals").write_text("ab")
    read_printed(page, tmp_path / "cache")
    assert counted.reads == 2


def test_without_a_cache_signals_are_read_each_time(tmp_path):
    counted = Counted(tmp_path)
    for _ in range(2):
        read_printed(PageRef("p", tmp_path, printed=counted))
    assert counted.reads == 2
