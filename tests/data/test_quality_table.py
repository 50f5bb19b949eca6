import numpy as np
import pytest

from kerasmed.config.dataset import Ptbxl
from kerasmed.data.prepared import BadRecordPolicy, Quarantined, prepare
from kerasmed.data.quality import measure_signal
from kerasmed.data.quality_table import count_faults, describe_quality
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.sources.ptbxl import build_ptbxl
from tests.fakes.ptbxl import LEADS, heart_mv, row_of, write_ptbxl
from tests.fakes.wfdb_files import write_record


def put(root, number, signal_mv):
    """Another signal in the place of a record's."""
    write_record(root / "ptbxl" / "records100" / "00000", f"{number:05d}_lr", signal_mv, 100, LEADS, adc_gain=1000)


@pytest.fixture
def root(tmp_path):
    return write_ptbxl(tmp_path, [row_of(number) for number in range(1, 11)]).parent


def prepared_of(root):
    return prepare(build_ptbxl(Ptbxl(), root), root / "cache", BadRecordPolicy(max_rate=1.0))


def test_the_worst_record_of_each_lead_is_named_with_what_was_measured(root):
    put(root, 4, 3 * heart_mv(10, 100, 4))
    broken = heart_mv(10, 100, 6)
    broken[:20, 7] = np.nan
    put(root, 6, broken)
    leads = describe_quality(prepared_of(root))["leads"]
    assert {lead: leads[lead]["range_mv"]["most"]["record"] for lead in leads} == dict.fromkeys(LEADS, "4")
    assert leads["V2"]["missing_rate"]["most"] == {"value": 0.02, "record": "6"}
    assert leads["V1"]["missing_rate"]["most"]["value"] == 0


def test_measures_are_those_of_the_records_and_not_of_the_examples(root):
    prepared = prepared_of(root)
    names, measures = prepared.quality
    assert names.tolist() == [str(number) for number in range(1, 11)]
    own = measure_signal(read_record(root / "ptbxl" / "records100" / "00000" / "00003_lr.hea", LEADS))
    np.testing.assert_allclose(measures[2, :, 3], own.range_mv, rtol=1e-6)


def test_records_left_out_are_counted_by_their_fault(root):
    put(root, 2, np.zeros((1000, 12)))
    put(root, 3, np.zeros((1000, 12)))
    put(root, 5, 25 * heart_mv(10, 100))
    (root / "ptbxl" / "records100" / "00000" / "00007_lr.dat").write_bytes(b"\x01")
    told = describe_quality(prepared_of(root))
    assert told["measured"] == 6
    assert told["left_out"] == {"flat": 2, "amplitude": 1, "not readable": 1}


def test_a_reason_that_only_looks_like_a_fault_is_none():
    reasons = ("r: is odd (flat).", "r: is odd (what).", "r.dat: is missing.", "(flat) at the start")
    assert count_faults([Quarantined("r", reason) for reason in reasons]) == {"flat": 1, "not readable": 3}
