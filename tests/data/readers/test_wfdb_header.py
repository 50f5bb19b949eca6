import pytest

from kerasmed.data.readers.wfdb import Segment, read_header
from kerasmed.errors import DataError

RECORD = "r 2 360 100"
SIGNAL_LINES = "r.dat 212 200(1024)/mV 11 1024 995 -22131 0 MLII\nr.dat 212 200 11 1024 1011 20052 0 V1\n"


def header_of(tmp_path, text, encoding="utf-8"):
    (tmp_path / "r.hea").write_bytes(text.encode(encoding))
    return read_header(tmp_path / "r.hea")


def signal_of(tmp_path, line, encoding="utf-8"):
    return header_of(tmp_path, f"r 1 360 100\n{line}\n", encoding).signals[0]


def test_a_header_is_read_field_by_field(tmp_path):
    header = header_of(tmp_path, f"{RECORD}\n{SIGNAL_LINES}")
    first = header.signals[0]
    assert (header.record_id, header.rate_hz, header.num_samples, header.leads) == ("r", 360.0, 100, ("MLII", "V1"))
    assert (first.file_name, first.format, first.adc_gain, first.baseline, first.unit) == (
        "r.dat",
        212,
        200,
        1024,
        "mV",
    )
    assert (first.initial_value, first.checksum) == (995, -22131)


def test_carriage_returns_blank_lines_and_tabs_change_nothing(tmp_path):
    plain = header_of(tmp_path, f"{RECORD}\n{SIGNAL_LINES}# 69 M\n")
    other = f"\n{RECORD}\n\n{SIGNAL_LINES}# 69 M\n".replace(" ", "\t", 3).replace("\n", "\r\n")
    assert header_of(tmp_path, other) == plain


def test_comments_are_kept_without_their_sign(tmp_path):
    assert header_of(tmp_path, f"# first\n{RECORD}\n{SIGNAL_LINES}#Dx: RBBB\n").comments == ("first", "Dx: RBBB")


def test_absent_fields_have_the_defaults_of_the_specification(tmp_path):
    header = header_of(tmp_path, "r 1\nr.dat 16\n")
    signal = header.signals[0]
    assert (header.rate_hz, header.num_samples) == (250.0, None)
    assert (signal.adc_gain, signal.baseline, signal.unit, signal.checksum) == (200.0, 0, "mV", None)
    assert signal.lead == "record r, signal 0"


def test_the_baseline_is_the_adc_zero_where_it_is_absent(tmp_path):
    assert signal_of(tmp_path, "r.dat 16 200 11 1024").baseline == 1024


def test_a_stated_baseline_of_0_is_not_the_adc_zero(tmp_path):
    assert signal_of(tmp_path, "r.dat 16 200(0)/mV 11 1024").baseline == 0


def test_frames_skew_and_offset_are_read_from_the_format(tmp_path):
    signal = signal_of(tmp_path, "r.mat 16x4:7+24 1000/mV")
    assert (signal.format, signal.frame_samples, signal.skew_samples, signal.byte_offset) == (16, 4, 7, 24)


@pytest.mark.parametrize("gain", ["1e3", "1000.", "+1000", "1.0E+3"])
def test_a_gain_may_be_written_as_any_number(tmp_path, gain):
    assert signal_of(tmp_path, f"r.dat 16 {gain}").adc_gain == 1000.0


def test_a_description_may_hold_spaces(tmp_path):
    assert signal_of(tmp_path, "r.dat 16 200 12 0 0 0 0 ECG lead  II").lead == "ECG lead  II"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_micro_sign_is_read_in_either_encoding(tmp_path, encoding):
    assert signal_of(tmp_path, "r.dat 16 2/\u00b5V", encoding).unit == "\u00b5V"


def test_counter_frequency_and_dates_are_passed_over(tmp_path):
    assert header_of(tmp_path, "r 0 360/1000.5(-3) 100 05-Feb-2020 11:39:16\n").rate_hz == 360.0


def test_segments_are_listed_in_order(tmp_path):
    header = header_of(tmp_path, "r/3 2 360 150\npart 100\n~ 20\npart 30\n")
    assert header.segments == (Segment("part", 100), Segment("~", 20), Segment("part", 30))
    assert header.num_signals == 2


BAD_HEADERS = {
    "empty": ("", "has no record line"),
    "only a comment": ("# nothing\n", "has no record line"),
    "no number of signals": ("r\n", "ends before its number of signals"),
    "rate 0": ("r 0 0 100\n", "has a rate of 0 Hz"),
    "negative rate": ("r 0 -360 100\n", "has a rate of -360 Hz"),
    "absurd rate": ("r 0 1e30 100\n", "has a rate of 1e+30 Hz"),
    "rate that is no number": ("r 0 fast 100\n", "'fast' is no sampling rate"),
    "rate of 20,000 digits": (f"r 0 {'9' * 20_000} 100\n", "is longer than 4096 characters"),
    "rate of 2,000 digits": (f"r 0 {'9' * 2_000} 100\n", "is no sampling rate"),
    "number of samples of 14 digits": ("r 0 360 99999999999999\n", "is no number of samples"),
    "negative number of samples": ("r 0 360 -1\n", "'-1' is no number of samples"),
    "a digit of another script": ("r 0 \u0663\u0666\u0660 100\n", "is no sampling rate"),
    "a billion signals": ("r 999999999 360 100\n", "is no number of signals"),
    "too many signals": ("r 999999 360 100\n", "names 999999 signals"),
    "fewer lines than signals": (f"r 3 360 100\n{SIGNAL_LINES}", "says 3 signals, and 2 signal lines follow"),
    "more lines than signals": (f"r 1 360 100\n{SIGNAL_LINES}", "says 1 signals, and 2 signal lines follow"),
    "the same lead twice": (f"{RECORD}\n{SIGNAL_LINES.replace('V1', 'mlii')}", "has more than one lead 'MLII'"),
    "record name that is a path": ("../r 0 360 100\n", "'../r' is no record name"),
    "record name that is an address": ("http://x/r 0 360\n", "is no record name"),
    "no segments": ("r/2 2 360 100\n", "says 2 segments, and 0 segment lines follow"),
    "a segment of itself": ("r/1 2 360 100\nr 100\n", "is a segment of itself"),
    "a segment elsewhere": ("r/1 2 360 100\n../other 100\n", "is no name of a record in the header's own folder"),
    "a file in two places": (
        "r 3 360 9\na.dat 16 200 12 0 0 0 0 I\nb.dat 16 200 12 0 0 0 0 II\na.dat 16 200 12 0 0 0 0 III\n",
        "lists the signals of a.dat apart",
    ),
    "two formats in a file": (f"{RECORD}\n{SIGNAL_LINES.replace('212', '16', 1)}", "different formats or offsets"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_a_bad_header_is_one_clear_line(tmp_path, text, reason):
    with pytest.raises(DataError) as error:
        header_of(tmp_path, text)
    assert reason in str(error.value)
    assert str(error.value).startswith("r.hea: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


BAD_SIGNAL_LINES = {
    "no format": ("r.dat", "ends before its format"),
    "format in words": ("r.dat sixteen", "'sixteen' is no format"),
    "a billion samples per frame": ("r.dat 16x1000000000", "is no format"),
    "many samples per frame": ("r.dat 16x99999", "the samples per frame is 99999"),
    "no samples per frame": ("r.dat 16x0", "the samples per frame is 0"),
    "skew": ("r.dat 16:900000000", "the skew is 900000000"),
    "gain in words": ("r.dat 16 loud", "'loud' is no gain"),
    "infinite gain": ("r.dat 16 inf", "'inf' is no gain"),
    "gain that is not a number": ("r.dat 16 nan/mV", "'nan/mV' is no gain"),
    "baseline that is a fraction": ("r.dat 16 200(1.5)/mV", "is no gain"),
    "checksum out of range": ("r.dat 16 200 12 0 0 70000 0 I", "the checksum is 70000"),
    "checksum of many digits": (f"r.dat 16 200 12 0 0 {'9' * 300} 0 I", "is no checksum"),
    "control characters in a name": ("r.dat 16 200 12 0 0 0 0 I\x1bI", "is no description"),
    "a path upwards": ("../r.dat 16", "'../r.dat' is no name of a signal file"),
    "an absolute path": ("/etc/passwd 16", "is no name of a signal file"),
    "a folder": ("sub/r.dat 16", "is no name of a signal file"),
    "a home folder": ("~root 16", "is no name of a signal file"),
    "a backslash": ("..\\r.dat 16", "is no name of a signal file"),
    "an address": ("http://169.254.169.254/r.dat 16", "is no name of a signal file"),
    "a bucket": ("s3://bucket/r.dat 16", "is no name of a signal file"),
    "the standard input": ("- 16", "is no name of a signal file"),
    "the folder itself": (". 16", "is no name of a signal file"),
    "the folder above": (".. 16", "is no name of a signal file"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_SIGNAL_LINES.values(), ids=BAD_SIGNAL_LINES.keys())
def test_a_bad_signal_line_is_named_with_its_number(tmp_path, line, reason):
    with pytest.raises(DataError) as error:
        signal_of(tmp_path, line)
    assert str(error.value).startswith("r.hea: line 2: ")
    assert reason in str(error.value)
    assert len(str(error.value)) < 250


def test_a_header_file_that_is_too_large_is_not_read(tmp_path):
    with pytest.raises(DataError, match="is larger than"):
        header_of(tmp_path, "#" * (5 << 20))


def test_a_file_that_is_no_header_is_refused_by_its_name(tmp_path):
    with pytest.raises(DataError, match=r"Name the record's \.hea file"):
        read_header(tmp_path / "r.dat")
