import logging

import numpy as np
import pytest
from scipy.signal import resample_poly

from kerasmed.config.dataset import RecordExamples
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.record_examples import examples_of_record, record_contract, record_example, record_spec
from kerasmed.data.records import SignalRecord
from kerasmed.data.resampling import resampling_kernel
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec, TargetSpec
from tests.fakes.wfdb_files import write_record

TWO = RecordExamples(leads=("I", "aVR"), rate_hz=100, duration_s=4)
PADDED = TWO.model_copy(update={"shorter": "pad"})
TARGET = TargetSpec("multi_label", ("NORM", "MI"))


def record_of(signal_mv, rate_hz=100.0, leads=("I", "AVR")) -> SignalRecord:
    return SignalRecord("r", "anna", np.asarray(signal_mv, np.float32), rate_hz, leads)


def made(record, settings=TWO):
    return record_example(record, settings)["signal"][0]


def noise(num_samples, num_leads=2, seed=0):
    return np.random.default_rng(seed).normal(0, 0.5, (num_samples, num_leads)).astype(np.float32)


def waves(duration_s, rate_hz):
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.stack([np.sin(2 * np.pi * 7 * time_s), np.cos(2 * np.pi * 3 * time_s)], axis=1)


def test_an_example_is_what_the_spec_says():
    spec = record_spec(TWO, TARGET, 500.0)
    signal = spec.inputs["signal"]
    example = record_example(record_of(noise(2000), 500.0), TWO)["signal"]
    assert (example.shape, str(example.dtype)) == ((1, *signal.shape), signal.dtype)
    assert (signal.channels, signal.rate_hz, signal.unit) == (("I", "aVR"), 100.0, "mV")
    assert ExampleSpec.from_json(spec.to_json()) == spec


def test_the_recipe_makes_the_settings_again():
    recipe = dict(record_spec(TWO, TARGET).recipe)
    assert recipe.pop("kind") == "records"
    assert RecordExamples.model_validate(recipe) == TWO


def test_at_its_own_rate_a_record_is_kept_to_the_microvolt():
    signal_mv = noise(400)
    np.testing.assert_array_equal(made(record_of(signal_mv)), np.rint(signal_mv * 1000))


def test_leads_are_found_by_name_in_either_spelling_and_order():
    signal_mv = noise(400, 3)
    example = made(record_of(signal_mv, leads=("V1", "avr", "I")))
    np.testing.assert_array_equal(example, np.rint(signal_mv[:, [2, 1]] * 1000))


def test_a_lead_that_is_not_there_is_named():
    with pytest.raises(DataError, match="has no lead 'aVR'"):
        made(record_of(noise(400), leads=("I", "II")))


@pytest.mark.parametrize("rate_hz", [500.0, 250.0, 360.0, 50.0])
def test_waves_are_the_same_at_another_rate(rate_hz):
    example = made(record_of(waves(4, rate_hz), rate_hz))
    inner = slice(25, -25)
    assert np.abs(example[inner] - 1000 * waves(4, 100)[inner]).max() < 6


def test_resampling_is_that_of_scipy_within_a_hundredth():
    signal_mv = np.cumsum(noise(2000), axis=0) * 0.05
    theirs = resample_poly(signal_mv, 1, 5)
    inner = slice(12, -12)
    assert np.abs(made(record_of(signal_mv, 500.0)) * 1e-3 - theirs)[inner].max() < 0.01


def test_what_the_lower_rate_cannot_hold_is_left_out():
    time_s = np.arange(2000) / 500
    fast = np.sin(2 * np.pi * 120 * time_s)[:, None] * [1, 1]
    assert np.abs(made(record_of(fast, 500.0)))[25:-25].max() < 10


def test_the_kernel_of_a_minute_is_small():
    _, bands = resampling_kernel(500.0, 100.0, 0, 6000)
    assert sum(band.weights.nbytes for band in bands) < 10e6


def test_of_a_longer_record_the_middle_is_taken():
    signal_mv = noise(1001)
    np.testing.assert_array_equal(made(record_of(signal_mv)), np.rint(signal_mv[300:700] * 1000))


def test_a_shorter_record_stands_in_the_middle_between_zeros():
    signal_mv = noise(300)
    example = made(record_of(signal_mv), PADDED)
    np.testing.assert_array_equal(example[50:350], np.rint(signal_mv * 1000))
    assert not example[:50].any()
    assert not example[350:].any()


def test_padding_at_another_rate_is_of_zeros_too():
    example = made(record_of(waves(3, 500) + 2, 500.0), PADDED)
    assert not example[:50].any()
    assert not example[350:].any()
    assert np.abs(example[75:325] - 1000 * (waves(3, 100) + 2)[25:275]).max() < 6


def test_a_gap_becomes_a_straight_line():
    ramp = np.arange(400)[:, None] * [0.001, 0.002]
    broken = ramp.copy()
    broken[100:110] = np.nan
    np.testing.assert_array_equal(made(record_of(broken)), np.rint(np.float32(ramp) * 1000))


def test_a_lead_with_larger_gaps_is_refused():
    signal_mv = noise(400)
    signal_mv[:21, 1] = np.nan
    with pytest.raises(DataError, match=r"lead aVR misses 5\.2% of its samples"):
        made(record_of(signal_mv))


def test_what_int16_cannot_hold_is_clipped_and_told(caplog):
    signal_mv = noise(400)
    signal_mv[7, 0] = 40
    with caplog.at_level(logging.WARNING):
        assert made(record_of(signal_mv))[7, 0] == 32767
    assert "r: 1 samples beyond 32.767 were clipped" in caplog.text


def test_a_record_that_breaks_the_contract_is_refused_with_its_fault():
    flat = np.zeros((400, 2))
    with pytest.raises(DataError, match=r"\(flat\)"):
        examples_of_record(record_of(flat, leads=TWO.leads), TWO, 1)


def test_a_record_that_is_too_short_is_refused_unless_it_is_padded():
    assert record_contract(TWO).shortest_s == 4
    assert record_contract(PADDED).shortest_s == 4
    assert record_contract(RecordExamples(duration_s=60, shorter="pad")).shortest_s == 5
    with pytest.raises(DataError, match=r"lasts 3 s; 4 s or more are needed \(short\)"):
        examples_of_record(record_of(waves(3, 100), leads=TWO.leads), TWO, 1)


def test_labels_and_columns_travel_with_the_example():
    record = record_of(waves(4, 100) + noise(400) / 9, leads=TWO.leads)
    examples = examples_of_record(record, TWO, np.array([1, 0], np.int8), {"age": 56.0})
    assert examples.arrays["label"].tolist() == [[1, 0]]
    columns = {name: column.tolist() for name, column in examples.index.items()}
    assert columns == {"id": ["r"], "record": ["r"], "patient": ["anna"], "notes": [""], "age": [56.0]}


def test_one_lead_twice_is_refused():
    with pytest.raises(ValueError, match="names a lead twice: AVR, aVR"):
        RecordExamples(leads=("AVR", "aVR"))


def test_both_rates_of_a_real_record_make_nearly_the_same_example(data_root):
    folder = data_root / "ptbxl"
    if not folder.is_dir():
        pytest.skip("no PTB-XL records")
    settings = RecordExamples()
    low, high = (
        record_example(read_record(folder / name, settings.leads), settings)["signal"][0].astype(np.float32)
        for name in ("records100/00000/00001_lr.hea", "records500/00000/00001_hr.hea")
    )
    for lead, (one, other) in enumerate(zip(low.T, high.T, strict=True)):
        assert np.corrcoef(one, other)[0, 1] > 0.95, settings.leads[lead]


def test_a_record_of_a_file_becomes_an_example(tmp_path):
    signal_mv = np.round(noise(400), 2)
    header = write_record(tmp_path, "a", signal_mv, 100, ("AVR", "I"))
    np.testing.assert_allclose(made(read_record(header, TWO.leads)), signal_mv[:, ::-1] * 1000, atol=2.6)
