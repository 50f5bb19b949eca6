import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_adc, read_record
from kerasmed.errors import DataError
from tests.fakes.wfdb_files import LOWEST, write_adc, write_record

LEADS = ("I", "II", "V1")


def adc_of(num_samples, num_leads, fmt="16", seed=0):
    bound = -LOWEST[fmt]
    return np.random.default_rng(seed).integers(-bound + 1, bound, (num_samples, num_leads))


@pytest.mark.parametrize("fmt", ["16", "212", "80"])
@pytest.mark.parametrize("num_samples", [1, 2, 7, 2000])
@pytest.mark.parametrize("num_leads", [1, 2, 3])
def test_stored_integers_come_back(tmp_path, fmt, num_samples, num_leads):
    adc = adc_of(num_samples, num_leads, fmt)
    path = write_adc(tmp_path, "r", adc, 250, LEADS[:num_leads], fmt)
    assert np.array_equal(read_adc(path), adc)


def test_a_preamble_is_passed_over(tmp_path):
    adc = adc_of(100, 3)
    path = write_adc(tmp_path, "r", adc, 500, LEADS, byte_offset=24)
    assert path.with_suffix(".mat").stat().st_size == 24 + 600
    assert np.array_equal(read_adc(path), adc)


def test_a_record_is_in_millivolts(tmp_path):
    signal_mv = np.array([[0.0, 1.0], [-0.5, 2.0]])
    record = read_record(write_record(tmp_path, "r", signal_mv, 360, ("I", "II"), adc_gain=1000, baseline=-7))
    assert np.array_equal(record.signal_mv, signal_mv.astype(np.float32))
    assert record.signal_mv.dtype == np.float32
    assert (record.record_id, record.patient, record.rate_hz, record.leads) == ("r", "r", 360.0, ("I", "II"))


@pytest.mark.parametrize(("unit", "gain"), [("mV", "200"), ("uV", "0.2"), ("\u00b5V", "0.2"), ("V", "200000")])
def test_units_of_voltage_are_converted(tmp_path, unit, gain):
    path = write_adc(tmp_path, "r", np.array([[100], [-300]]), 250, ("I",), gains=[f"{gain}/{unit}"])
    assert read_record(path).signal_mv.ravel().tolist() == [0.5, -1.5]


def test_each_lead_has_its_own_gain_baseline_and_unit(tmp_path):
    gains = ["100(10)/mV", "0.3(0)/uV", "74.36482269503546(-5)/mV"]
    adc = np.array([[110, 3, 0], [10, 0, -5]])
    signal_mv = read_record(write_adc(tmp_path, "r", adc, 250, LEADS, gains=gains)).signal_mv
    expected = np.array([[1.0, 0.01, 5 / 74.36482269503546], [0, 0, 0]])
    assert np.allclose(signal_mv, expected, rtol=1e-7)


@pytest.mark.parametrize("fmt", ["16", "212", "80"])
def test_a_missing_sample_is_nan(tmp_path, fmt):
    signal_mv = np.array([[0.0, 0.1], [np.nan, 0.2], [0.3, np.nan]])
    path = write_record(tmp_path, "r", signal_mv, 250, ("I", "II"), fmt, adc_gain=100)
    assert np.isnan(read_record(path).signal_mv).tolist() == np.isnan(signal_mv).tolist()


def test_the_lowest_value_of_one_format_is_a_sample_in_another(tmp_path):
    path = write_adc(tmp_path, "r", np.array([[LOWEST["212"]], [0]]), 250, ("I",), "16")
    assert read_record(path).signal_mv[0, 0] == np.float32(-2048 / 200)


def test_leads_come_by_name_in_the_order_asked(tmp_path):
    signal_mv = np.array([[1.0, 2.0, 3.0]] * 4)
    path = write_record(tmp_path, "r", signal_mv, 250, LEADS)
    record = read_record(path, ("V1", "I"))
    assert record.leads == ("V1", "I")
    assert record.signal_mv.tolist() == [[3.0, 1.0]] * 4
    assert read_adc(path, ("V1",)).tolist() == [[600]] * 4


def test_a_lead_is_found_whatever_its_case(tmp_path):
    path = write_record(tmp_path, "r", np.ones((4, 1)), 250, ("AVR",))
    assert read_record(path, ("aVR",)).leads == ("aVR",)


def test_a_missing_lead_is_named_with_those_present(tmp_path):
    path = write_record(tmp_path, "r", np.ones((4, 2)), 250, ("V5", "V2"))
    with pytest.raises(DataError, match=r"r\.hea: has no lead 'MLII'\. It has 'V5', 'V2'\."):
        read_record(path, ("MLII",))


def test_signals_may_lie_in_files_of_their_own(tmp_path):
    one = write_record(tmp_path, "one", np.full((4, 1), 0.5), 250, ("I",), "212")
    two = write_record(tmp_path, "two", np.full((4, 1), 0.25), 250, ("II",), "16")
    lines = [path.read_text().splitlines()[1] for path in (one, two)]
    (tmp_path / "r.hea").write_text("\n".join(["r 2 250 4", *lines]))
    assert read_record(tmp_path / "r.hea").signal_mv.tolist() == [[0.5, 0.25]] * 4


def test_without_a_number_of_samples_the_file_says_it(tmp_path):
    adc = adc_of(33, 3)
    path = write_adc(tmp_path, "r", adc, 250, LEADS, header=lambda text: text.replace("250 33", "250"))
    assert np.array_equal(read_adc(path), adc)


def test_the_checksum_is_unsigned_in_some_databases(tmp_path):
    path = write_adc(tmp_path, "r", np.array([[-1], [-2]]), 250, ("I",), header=lambda t: t.replace(" -3 ", " 65533 "))
    assert read_adc(path).tolist() == [[-1], [-2]]


def test_a_missing_checksum_is_not_verified(tmp_path):
    path = write_adc(tmp_path, "r", np.array([[1], [2]]), 250, ("I",), header=lambda t: t.replace(" 12 0 1 3 0 I", ""))
    assert read_adc(path).tolist() == [[1], [2]]


def test_a_checksum_of_0_is_a_placeholder_only_without_a_number_of_samples(tmp_path):
    def without(text):
        return text.replace(" 3 0 I", " 0 0 I").replace("250 2", "250")

    assert read_adc(write_adc(tmp_path, "r", np.array([[1], [2]]), 250, ("I",), header=without)).tolist() == [[1], [2]]
    path = write_adc(tmp_path, "s", np.array([[1], [2]]), 250, ("I",), header=lambda t: t.replace(" 3 0 I", " 0 0 I"))
    with pytest.raises(DataError, match="has checksum 3, and the header says 0"):
        read_adc(path)


def test_format_212_may_end_in_a_whole_block(tmp_path):
    adc = adc_of(5, 1, "212")
    path = write_adc(tmp_path, "r", adc, 250, ("I",), "212", content=lambda content: content + b"\0")
    assert np.array_equal(read_adc(path), adc)


def test_a_damaged_lead_is_found_though_another_was_asked_for(tmp_path):
    path = write_adc(tmp_path, "r", adc_of(9, 2), 250, ("I", "II"), content=lambda b: b[:-1] + bytes([b[-1] ^ 1]))
    with pytest.raises(DataError, match="lead 'II' has checksum"):
        read_record(path, ("I",))


def test_only_the_leads_asked_for_need_be_voltages(tmp_path):
    path = write_adc(tmp_path, "r", adc_of(9, 3), 250, LEADS, gains=["200/mV", "10/mmHg", "0/mV"])
    assert read_record(path, ("I",)).signal_mv.shape == (9, 1)
    with pytest.raises(DataError, match=r"r\.hea: lead 'II' is in 'mmHg', which is not mV, uV or V"):
        read_record(path, ("II",))
    with pytest.raises(DataError, match="lead 'V1' has gain 0: its amplitude is not calibrated"):
        read_record(path, ("V1",))


FAULTS = {
    "truncated": (lambda text: text, lambda content: content[:-1], r"r\.dat: has 399 bytes of samples; 100 samples"),
    "longer than its header": (lambda text: text, lambda content: content + b"\0\0", "has 402 bytes of samples"),
    "empty": (lambda text: text, lambda content: b"", "has 0 bytes of samples"),
    "one bit": (lambda text: text, lambda content: b"\x01" + content[1:], "fetch it again"),
    "swapped samples": (lambda text: text, lambda content: content[4:] + content[:4], "begins with"),
    "wrong checksum": (lambda text: text.replace(" 0 I\n", "7 0 I\n"), lambda content: content, "has checksum"),
    "unknown format": (
        lambda text: text.replace(".dat 16", ".dat 17"),
        lambda content: content,
        "has sample format 17",
    ),
    "no signals": (lambda text: "r 0 360 100\n", lambda content: content, "has no samples"),
    "nothing stored": (lambda text: "r 1 360 100\n~ 0\n", lambda content: content, "has no samples"),
    "tiny gain": (lambda text: text.replace("200(0)", "1e-30"), lambda content: content, "has a gain of 1e-30"),
    "long skew": (lambda text: text.replace(".dat 16", ".dat 16:100"), lambda content: content, "has a skew"),
    "offset beyond": (lambda text: text.replace(".dat 16", ".dat 16+999"), lambda content: content, "has -599 bytes"),
    "no length, no data": (lambda text: text.replace("360 100", "360"), lambda content: b"", "has no samples"),
}


@pytest.mark.parametrize(("header", "content", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_damaged_record_is_one_clear_line(tmp_path, header, content, reason):
    signal_mv = np.sin(np.arange(200.0)).reshape(100, 2)
    path = write_record(tmp_path, "r", signal_mv, 360, ("I", "II"), header=header, content=content)
    with pytest.raises(DataError, match=reason) as error:
        read_record(path)
    assert "\n" not in str(error.value)
