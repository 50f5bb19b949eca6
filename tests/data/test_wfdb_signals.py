"""Windows of records without labels: leads by name, the rate asked for, no window with a gap, whole patients."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.dataset import WfdbSignals
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.sources.wfdb_beats import record_of
from kerasmed.data.sources.wfdb_signals import read_windows, signals_spec
from kerasmed.errors import DataError
from tests.fakes.small_runs import write_small_records
from tests.fakes.wfdb_files import write_record

CONFIG = WfdbSignals(folder="ecg", leads=("MLII",), window_s=5.0, rate_hz=360.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_small_records(tmp_path_factory.mktemp("signals"))


def first(root, **changes):
    config = CONFIG.model_copy(update=changes)
    dataset = build(config, root)
    return dataset.records[0], read_windows(dataset.records[0], config)


def test_at_the_rate_of_the_record_windows_are_its_samples(root):
    ref, examples = first(root)
    record = read_record(ref.files[0], ("MLII",))
    assert record.rate_hz == 360.0
    windows = examples.arrays["signal"] * np.float32(1e-3)
    whole = record.signal_mv[: windows.shape[0] * 1800].reshape(windows.shape)
    np.testing.assert_allclose(windows, whole, atol=1e-3)


def test_a_record_of_a_minute_gives_twelve_windows_of_five_seconds(root):
    _, examples = first(root, rate_hz=100.0)
    assert examples.arrays["signal"].shape == (12, 500, 1)
    assert examples.index["id"][3].endswith(":3")


def test_another_rate_keeps_the_wave(root):
    _, fine = first(root)
    _, coarse = first(root, rate_hz=90.0)
    fine_mv, coarse_mv = (found.arrays["signal"][5, :, 0] * 1e-3 for found in (fine, coarse))
    assert np.corrcoef(fine_mv[::4], coarse_mv)[0, 1] > 0.98


def test_no_window_with_a_gap_is_kept_and_those_left_out_are_counted(root, tmp_path):
    ref, _ = first(root)
    signal_mv = read_record(ref.files[0], ("MLII",)).signal_mv.copy()
    signal_mv[2000:2010] = np.nan
    write_record(tmp_path, "gap", signal_mv, 360.0, ["MLII"])
    examples = read_windows(record_of(tmp_path, "gap"), CONFIG)
    assert [name.partition(":")[2] for name in examples.index["id"][:3]] == ["0", "2", "3"]
    assert examples.dropped == {"windows with missing samples": 1}


def test_a_record_without_the_leads_is_refused(root):
    with pytest.raises(DataError, match="V6"):
        first(root, leads=("MLII", "V6"))


def test_nothing_is_asked_of_an_example(root, tmp_path):
    dataset = build(CONFIG, root)
    prepared = prepare(dataset, tmp_path, BadRecordPolicy())
    assert signals_spec(CONFIG).targets == {}
    assert "label" not in prepared.index
    splits = dataset.split(prepared.index, 0)
    patients = [set(prepared.index["patient"][rows]) for rows in (splits.train, splits.validation)]
    assert patients[0]
    assert patients[1]
    assert not patients[0] & patients[1]
