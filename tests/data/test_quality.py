"""Wrong recordings are refused by the name of their fault, and real ones are not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.quality import FAULTS, check_signal, faults_of, measure_signal
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.records import SignalRecord
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec, SignalContract
from tests.fakes.beats import RATE_HZ, bumps_mv, regular_peaks
from tests.fakes.wfdb_files import write_record

LEADS = ("I", "II", "III")
CONTRACT = SignalContract(LEADS)


def recording(num_samples: int = 10 * RATE_HZ) -> SignalRecord:
    """Ten seconds of three limb leads that keep Einthoven's equation."""
    beats = bumps_mv(num_samples, regular_peaks(num_samples // 300))
    first, second = beats[:, 0], 0.7 * beats[:, 0] + 0.05 * beats[:, 1]
    signal_mv = np.stack([first, second, second - first], axis=1).astype(np.float32)
    return SignalRecord("r", "p", signal_mv, float(RATE_HZ), LEADS)


def changed(change) -> SignalRecord:
    record = recording()
    return replace(record, signal_mv=change(record.signal_mv.copy()).astype(np.float32))


def part(values, lead, rows, value):
    values[rows, lead] = value
    return values


WRONG = {
    "microvolts taken for millivolts": ("amplitude", changed(lambda mv: mv * 1000)),
    "volts taken for millivolts": ("amplitude", changed(lambda mv: mv / 1000)),
    "converter steps": ("amplitude", changed(lambda mv: np.round(mv * 200))),
    "one lead in microvolts": ("amplitude", changed(lambda mv: mv * [1, 1, 1000])),
    "four times the true rate": ("frequency", replace(recording(40 * RATE_HZ), rate_hz=4.0 * RATE_HZ)),
    "swapped leads": ("leads", changed(lambda mv: mv[:, [1, 0, 2]])),
    "a flat lead": ("flat", changed(lambda mv: part(mv, 1, slice(None), 0.3))),
    "a lead that comes off": ("flat", changed(lambda mv: part(mv, 2, slice(1800, None), 0.0))),
    "a clipped chest lead": ("clipped", replace(changed(lambda mv: np.clip(mv, -0.1, 0.1)), leads=("V1", "V2", "V3"))),
    "missing samples": ("missing", changed(lambda mv: part(mv, 0, slice(0, 400), np.nan))),
    "nothing but missing samples": ("missing", changed(lambda mv: mv * np.nan)),
    "too short a piece": ("short", recording(4 * RATE_HZ)),
    "noise": ("frequency", changed(lambda mv: np.random.default_rng(0).normal(0, 1, mv.shape))),
}


def test_a_good_recording_passes_without_a_note():
    assert check_signal(recording(), CONTRACT) == ()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_recording_is_refused_by_the_name_of_its_fault(name):
    fault, record = WRONG[name]
    with pytest.raises(DataError, match=rf"^r: .*\({fault}\)\.$"):
        check_signal(record, CONTRACT)


def test_every_kind_of_fault_is_met():
    assert {fault for fault, _ in WRONG.values()} == set(FAULTS)


def test_the_lead_that_is_worst_is_named():
    with pytest.raises(DataError, match=r"lead III swings by .* mV"):
        check_signal(WRONG["one lead in microvolts"][1], CONTRACT)


def test_a_few_samples_at_the_limit_of_the_converter_are_a_note():
    (note,) = check_signal(changed(lambda mv: np.minimum(mv, [0.9, 2.0, 2.0])), CONTRACT)
    assert note.startswith("lead I is cut off")


def test_a_limit_of_the_contract_is_the_one_that_decides():
    patient = replace(CONTRACT, max_missing_rate=0.5)
    check_signal(WRONG["missing samples"][1], patient)


def test_faults_come_in_their_order():
    both = replace(WRONG["a flat lead"][1], signal_mv=WRONG["a flat lead"][1].signal_mv[: 3 * RATE_HZ] * 1000)
    found = [fault.name for fault in faults_of(measure_signal(both), CONTRACT, RATE_HZ)]
    assert found == [name for name in FAULTS if name in found]
    assert {"short", "flat", "amplitude"} <= set(found)


def test_a_contract_survives_its_json():
    spec = ExampleSpec({}, {}, {}, replace(CONTRACT, range_mv=(0.1, 5.0)))
    assert ExampleSpec.from_json(spec.to_json()) == spec
    assert ExampleSpec.from_json({"inputs": {}, "targets": {}, "recipe": {}}).contract is None


def test_a_record_in_another_unit_is_converted_and_says_so(tmp_path: Path):
    record = recording()
    for unit, factor in (("mV", 1), ("uV", 1000)):
        write_record(tmp_path, unit, record.signal_mv * factor, RATE_HZ, LEADS, adc_gain=200 / factor, unit=unit)
    plain, other = (read_record(tmp_path / f"{unit}.hea") for unit in ("mV", "uV"))
    np.testing.assert_allclose(other.signal_mv, plain.signal_mv, atol=1e-6)
    assert plain.notes == ()
    assert any("is stored in uV and was converted to mV" in note for note in other.notes)


@pytest.mark.parametrize("folder", ["mitdb", "ptbxl", "cpsc2018", "icentia11k"])
def test_no_real_recording_is_refused(data_root: Path, folder):
    headers = sorted((data_root / folder).rglob("*.hea"))
    if not headers:
        pytest.skip(f"no records in {folder}")
    for header in headers[::7]:
        record = read_record(header)
        record = replace(record, signal_mv=record.signal_mv[: round(120 * record.rate_hz)])
        check_signal(record, SignalContract(record.leads))


@pytest.mark.parametrize("folder", ["mitdb", "ptbxl", "cpsc2018"])
def test_every_real_recording_in_another_unit_is_refused(data_root: Path, folder):
    headers = sorted((data_root / folder).rglob("*.hea"))
    if not headers:
        pytest.skip(f"no records in {folder}")
    for header in headers[::7]:
        record = read_record(header)
        signal_mv = record.signal_mv[: round(60 * record.rate_hz)]
        for factor in (1000.0, 0.001):
            with pytest.raises(DataError, match=r"\(amplitude\)"):
                check_signal(replace(record, signal_mv=signal_mv * np.float32(factor)), SignalContract(record.leads))
