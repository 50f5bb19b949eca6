import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasmed.data.simulate.ecg_beats import simulate_ecg_beats
from kerasmed.data.simulate.ecg_rhythm import Heart, draw_rhythm
from kerasmed.errors import ConfigError
from kerasmed.files import hash_folder

AAMI = {"N": "NLRej", "S": "AaJ", "V": "VE", "F": "F", "Q": "/fQ"}
BEATS = set("".join(AAMI.values()))
RATE_HZ = 360

# wfdb 4.3.1 calls pandas 3 in a way that pandas 4 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return simulate_ecg_beats(tmp_path_factory.mktemp("simulated"), num_patients=6, duration_s=120, seed=3)


def read(header: Path, physical: bool = True) -> tuple[Any, Any]:
    """Record and annotations, as the wfdb package reads them."""
    import wfdb

    stem = str(header.with_suffix(""))
    return wfdb.rdrecord(stem, physical=physical), wfdb.rdann(stem, "atr")


def beats(header: Path) -> tuple[np.ndarray, np.ndarray]:
    """Samples and symbols of the beats."""
    marks = read(header)[1]
    kept = np.isin(marks.symbol, list(BEATS))
    return marks.sample[kept], np.array(marks.symbol)[kept]


def mean_beat(headers: list[Path], symbol: str, lead: str = "MLII", before_s: float = 0.3, after_s: float = 0.5):
    """float64 (num_samples,): mean of the beats of `symbol` in mV, its median taken off."""
    windows = []
    for header in headers:
        record = read(header)[0]
        signal_mv = record.p_signal[:, record.sig_name.index(lead)]
        samples, symbols = beats(header)
        for sample in samples[(symbols == symbol) & (samples > 360) & (samples < len(signal_mv) - 360)]:
            windows.append(signal_mv[sample - round(before_s * RATE_HZ) : sample + round(after_s * RATE_HZ)])
    assert windows, f"no beat {symbol!r}"
    mean = np.mean(windows, axis=0)
    return mean - np.median(mean)


def test_the_files_are_those_of_the_mit_bih_layout(headers: list[Path]) -> None:
    record, marks = read(headers[0])
    assert (record.fs, record.fmt, record.adc_gain, record.baseline) == (360, ["212"] * 2, [200.0] * 2, [1024] * 2)
    assert (record.adc_res, record.adc_zero, record.units) == ([11] * 2, [1024] * 2, ["mV"] * 2)
    assert (record.sig_len, record.sig_name) == (120 * 360, ["MLII", "V1"])
    assert headers[0].with_suffix(".dat").stat().st_size == 120 * 360 * 3
    assert np.all(np.diff(marks.sample) >= 0)
    assert 0 < marks.sample[0] < marks.sample[-1] < record.sig_len


def test_the_records_file_and_the_answer_list_the_same_records(headers: list[Path]) -> None:
    folder = headers[0].parent
    assert [f"{name}.hea" for name in (folder / "RECORDS").read_text().split()] == [file.name for file in headers]
    assert {file.name for file in folder.glob("*.hea")} == {file.name for file in headers}


def test_the_checksums_in_the_headers_are_true(headers: list[Path]) -> None:
    for header in headers:
        stored = read(header, physical=False)[0]
        assert stored.checksum == [int(column.sum()) % 65536 for column in stored.d_signal.T]
        assert stored.init_value == stored.d_signal[0].tolist()


def test_every_record_has_beats_of_all_five_classes(headers: list[Path]) -> None:
    for header in headers:
        symbols = set(beats(header)[1])
        assert all(symbols & set(of_class) for of_class in AAMI.values()), header.name


def test_normal_beats_are_most_and_every_kind_of_beat_occurs_in_a_whole_set(tmp_path: Path) -> None:
    symbols = np.concatenate([beats(header)[1] for header in simulate_ecg_beats(tmp_path / "out")])
    share = {name: float(np.isin(symbols, list(of_class)).mean()) for name, of_class in AAMI.items()}
    assert share["N"] > 0.6
    assert min(share.values()) > 0.02
    assert set(symbols) == BEATS


def test_some_patients_have_two_records_and_the_header_names_the_patient(headers: list[Path]) -> None:
    records: dict[str, list[str]] = defaultdict(list)
    for header in headers:
        patient, age, sex = read(header)[0].comments
        records[patient].append(header.stem)
        assert header.read_text().count(f"\n# {patient}\n") == 1
        assert 24 <= int(age.removeprefix("age: ")) < 90
        assert sex in ("sex: F", "sex: M")
    assert {f"patient: P{number:03d}" for number in range(1, 7)} == set(records)
    assert [len(names) for names in records.values()] == [1, 2, 1, 1, 1, 2]


def test_the_two_records_of_a_patient_share_the_heart_but_not_the_signal(headers: list[Path]) -> None:
    first, second, stranger = headers[1], headers[2], headers[3]
    assert np.any(read(first)[0].p_signal != read(second)[0].p_signal)
    same = np.abs(mean_beat([first], "N") - mean_beat([second], "N")).max()
    other = np.abs(mean_beat([first], "N") - mean_beat([stranger], "N")).max()
    assert same < 0.05 < other


def test_one_patient_has_the_leads_stored_the_other_way_round(headers: list[Path]) -> None:
    orders = [tuple(read(header)[0].sig_name) for header in headers]
    assert set(orders) == {("MLII", "V1"), ("V1", "MLII")}
    assert orders[-1] == ("V1", "MLII")
    assert mean_beat(headers[-1:], "N").max() > 0.6  # R is tall in MLII whatever the order


def test_marks_that_are_not_beats_name_the_rhythm_and_the_noise(headers: list[Path]) -> None:
    notes, noisy = set(), []
    for header in headers:
        marks = read(header)[1]
        assert marks.symbol[0] == "+"
        notes |= {note for note, symbol in zip(marks.aux_note, marks.symbol, strict=True) if symbol == "+"}
        noisy.append([int(kind) for kind, symbol in zip(marks.subtype, marks.symbol, strict=True) if symbol == "~"])
    assert notes == {"(N\0", "(P\0"}
    assert [3, 0] in noisy
    assert [] in noisy


def test_a_mark_stands_on_the_r_peak(headers: list[Path]) -> None:
    mean = mean_beat(headers, "N")
    assert abs(int(mean.argmax()) - round(0.3 * RATE_HZ)) <= 1


def test_a_normal_beat_has_p_and_t_where_people_have_them(headers: list[Path]) -> None:
    mean_mv, r = mean_beat(headers, "N"), round(0.3 * RATE_HZ)
    p = r - round(0.25 * RATE_HZ) + int(mean_mv[r - round(0.25 * RATE_HZ) : r - round(0.1 * RATE_HZ)].argmax())
    t = r + round(0.15 * RATE_HZ) + int(mean_mv[r + round(0.15 * RATE_HZ) :].argmax())
    assert 0.11 < (r - p) / RATE_HZ < 0.22
    assert 0.20 < (t - r) / RATE_HZ < 0.36
    assert 0.05 < mean_mv[p] < mean_mv[t] < mean_mv[r] / 2


def test_an_atrial_premature_beat_has_another_p_and_the_same_qrs(headers: list[Path]) -> None:
    normal, premature, r = mean_beat(headers, "N"), mean_beat(headers, "A"), round(0.3 * RATE_HZ)
    qrs, p = slice(r - 14, r + 20), slice(r - round(0.17 * RATE_HZ), r - round(0.1 * RATE_HZ))
    assert np.corrcoef(normal[qrs], premature[qrs])[0, 1] > 0.98
    assert normal[p].mean() - premature[p].mean() > 0.05


def width_s(beat_mv: np.ndarray) -> float:
    """Time above half of the peak, seconds."""
    return float((beat_mv > beat_mv.max() / 2).sum() / RATE_HZ)


def test_a_ventricular_beat_is_wide_with_its_t_against_it_and_a_fusion_lies_between(headers: list[Path]) -> None:
    normal, fusion, ventricular = (mean_beat(headers, symbol, after_s=0.6) for symbol in "NFV")
    assert width_s(ventricular) > 2.5 * width_s(normal)
    assert width_s(normal) < width_s(fusion) < width_s(ventricular)
    behind = slice(round(0.55 * RATE_HZ), round(0.7 * RATE_HZ))
    assert ventricular[behind].mean() < -0.2 < 0.05 < normal[behind].mean() + 0.05


def test_a_paced_beat_opens_with_a_spike(headers: list[Path]) -> None:
    for header in headers:
        record = read(header)[0]
        signal_mv = record.p_signal[:, record.sig_name.index("MLII")]
        samples, symbols = beats(header)
        for symbol, spiky in (("/", True), ("N", False)):
            steps = [np.abs(np.diff(signal_mv[at - 30 : at - 8])).max() for at in samples[symbols == symbol] if at > 30]
            assert not steps or (np.median(steps) > 0.25) == spiky


def test_premature_beats_come_early_and_only_a_ventricular_one_is_made_up_for(headers: list[Path]) -> None:
    before: dict[str, list[float]] = defaultdict(list)
    both: dict[str, list[float]] = defaultdict(list)
    for header in headers:
        samples, symbols = beats(header)
        interval = np.diff(samples) / np.median(np.diff(samples)[(symbols[1:] == "N") & (symbols[:-1] == "N")])
        for at in range(2, len(samples) - 2):
            if set(symbols[at - 1 : at + 2]) <= {"N", symbols[at]}:
                before[symbols[at]].append(interval[at - 1])
                both[symbols[at]].append(interval[at - 1] + interval[at])
    assert np.median(before["A"]) < 0.85
    assert np.median(before["V"]) < 0.8
    assert np.median(both["V"]) == pytest.approx(2.0, abs=0.06)
    assert np.median(both["A"]) < 1.92
    assert np.median(before["j"] + before["e"]) > 1.2


def test_the_rr_intervals_carry_the_waves_of_breathing_and_blood_pressure() -> None:
    heart = Heart(mean_rr_s=0.8, std_rr_s=0.04, conduction="N", paced=False, burden=1.0)
    rr_s = draw_rhythm(heart, 1000, np.random.default_rng(0)).rr_s
    assert rr_s.mean() == pytest.approx(0.8, abs=0.01)
    assert rr_s.std() == pytest.approx(0.04, rel=0.2)
    even_s = np.interp(np.arange(3600) / 4, np.cumsum(rr_s), rr_s - rr_s.mean())
    frequencies_hz, power = np.fft.rfftfreq(3600, 0.25), np.abs(np.fft.rfft(even_s * np.hanning(3600))) ** 2
    low, between, high, above = (power[np.abs(frequencies_hz - at) < 0.025].mean() for at in (0.1, 0.175, 0.25, 0.34))
    assert low > 5 * max(between, above)
    assert high > 5 * max(between, above)


def test_noise_between_the_beats_is_small_against_a_beat(headers: list[Path]) -> None:
    for header in headers:
        record = read(header)[0]
        quiet = []
        for at in beats(header)[0][5:40]:
            stretch = record.p_signal[at - 100 : at - 80, record.sig_name.index("MLII")]
            quiet.append(np.diff(stretch, n=2).std() / np.sqrt(6))
        assert 0.001 < np.median(quiet) < 0.05


def test_equal_seeds_give_equal_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    for name, seed in (("first", 7), ("again", 7), ("other", 8)):
        simulate_ecg_beats(tmp_path / name, num_patients=2, duration_s=30, seed=seed)
    first, again, other = (hash_folder(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert all(first[name] != other[name] for name in first if name != "RECORDS")


def test_a_patient_does_not_change_with_the_number_of_patients(tmp_path: Path) -> None:
    few, many = (
        hash_folder(simulate_ecg_beats(tmp_path / str(count), num_patients=count, duration_s=30)[0].parent)
        for count in (1, 3)
    )
    assert {name: many[name] for name in few if name != "RECORDS"} == {
        name: value for name, value in few.items() if name != "RECORDS"
    }


@pytest.mark.parametrize("rate_hz", [125, 250.5, 1000])
def test_another_rate_gives_the_same_beats_in_time(tmp_path: Path, rate_hz: float) -> None:
    record, marks = read(simulate_ecg_beats(tmp_path / "out", num_patients=1, duration_s=30, rate_hz=rate_hz)[0])
    at_360 = read(simulate_ecg_beats(tmp_path / "at_360", num_patients=1, duration_s=30)[0])[1]
    assert (record.fs, record.sig_len) == (rate_hz, round(30 * rate_hz))
    first = np.array(marks.symbol) != "~"
    assert np.allclose(
        marks.sample[first][:20] / rate_hz, at_360.sample[np.array(at_360.symbol) != "~"][:20] / 360, atol=0.01
    )


def test_five_minutes_are_simulated_in_less_than_half_a_second(tmp_path: Path) -> None:
    simulate_ecg_beats(tmp_path / "warm", num_patients=1, duration_s=30)
    start = time.process_time()
    simulate_ecg_beats(tmp_path / "out", num_patients=1, duration_s=300)
    assert time.process_time() - start < 0.5


def test_an_earlier_simulation_is_replaced_whole(tmp_path: Path) -> None:
    simulate_ecg_beats(tmp_path / "out", num_patients=3, duration_s=30)
    assert len(simulate_ecg_beats(tmp_path / "out", num_patients=1, duration_s=30)) == 1
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"RECORDS", "S001.hea", "S001.dat", "S001.atr"}


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"thesis\.txt"):
        simulate_ecg_beats(tmp_path, num_patients=1, duration_s=30)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_patients", 0), ("duration_s", 10), ("duration_s", float("nan")), ("rate_hz", 50), ("seed", -1)],
)
def test_a_number_out_of_range_is_named(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"{name}=.*write a number from"):
        simulate_ecg_beats(tmp_path / "out", **{name: value})
    assert not (tmp_path / "out").exists()
