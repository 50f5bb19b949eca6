import numpy as np
import pytest

from kerasmed.config.dataset import BeatExamples, WfdbBeats
from kerasmed.data.sources.wfdb_beats import build_wfdb_beats
from kerasmed.errors import DataError
from tests.fakes.beats import bumps_mv, regular_peaks, write_beats, write_part
from tests.fakes.wfdb_files import write_annotations, write_record

CONFIG = WfdbBeats(folder="db")


def fake_folder(root, patients=("anna", "anna", "bert", None)):
    for number, patient in enumerate(patients):
        write_beats(root / "db", f"r{number}", "NNVN+NA~N", patient, seed=number)
    return root / "db"


def test_every_header_in_the_folder_is_a_record(tmp_path):
    fake_folder(tmp_path)
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    assert [record.record_id for record in dataset.records] == ["r0", "r1", "r2", "r3"]
    assert [path.name for path in dataset.records[0].files] == ["r0.hea", "r0.dat", "r0.atr"]


def test_a_records_file_decides_which(tmp_path):
    (fake_folder(tmp_path) / "RECORDS").write_text("r2\nr0\n")
    assert [record.record_id for record in build_wfdb_beats(CONFIG, tmp_path).records] == ["r2", "r0"]


def test_a_records_file_cannot_lead_outside(tmp_path):
    (fake_folder(tmp_path) / "RECORDS").write_text("r0\n../../secret\n")
    with pytest.raises(DataError, match=r"names '../../secret', which lies outside the folder"):
        build_wfdb_beats(CONFIG, tmp_path)


def test_the_patient_is_read_from_the_header_or_is_the_record(tmp_path):
    fake_folder(tmp_path)
    assert [record.patient for record in build_wfdb_beats(CONFIG, tmp_path).records] == ["anna", "anna", "bert", "r3"]


def test_beats_have_class_symbol_place_and_owner(tmp_path):
    fake_folder(tmp_path)
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    examples = dataset.make_examples(dataset.records[1])
    assert "".join(examples.index["symbol"]) == "NNVNNAN"
    assert examples.arrays["label"].tolist() == [0, 0, 2, 0, 0, 1, 0]
    assert examples.index["sample"].tolist() == [400, 700, 1000, 1300, 1900, 2200, 2800]
    assert examples.index["id"][-1] == "r1:6"
    assert set(examples.index["patient"]) == {"anna"}
    assert examples.dropped == {
        "annotations '+' that are no beat of the five classes": 1,
        "annotations '~' that are no beat of the five classes": 1,
    }


@pytest.mark.parametrize(("symbol", "steps"), [("+", 2), ("n", 1)])
def test_the_rhythm_is_of_all_beats_and_of_nothing_else(tmp_path, symbol, steps):
    write_beats(tmp_path / "db", "r0", f"NNN{symbol}NN")
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    log_previous, log_next = examples.arrays["rr"][2, :2]
    assert "".join(examples.index["symbol"]) == "NNNNN"
    assert log_next - log_previous == pytest.approx(np.log(steps), abs=1e-6)


def contents(root, settings=CONFIG.examples):
    """Content of each record's examples, by name of the record."""
    dataset = build_wfdb_beats(CONFIG.model_copy(update={"examples": settings}), root)
    return {record.record_id: dataset.make_examples(record).content for record in dataset.records}


def test_content_is_of_the_examples_in_their_order(tmp_path):
    write_beats(tmp_path / "db", "r0", "NN+V~Nn")
    assert len(set(contents(tmp_path)["r0"].tolist())) == len("NNVN")
    assert contents(tmp_path)["r0"].dtype == np.uint64


def test_a_record_without_a_beat_of_the_classes_gives_no_examples(tmp_path):
    write_beats(tmp_path / "db", "r0", "+~n")
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    assert {len(part) for part in (*examples.arrays.values(), *examples.index.values(), examples.content)} == {0}


def test_content_does_not_depend_on_how_examples_are_made(tmp_path):
    write_beats(tmp_path / "db", "r0", "NNVN")
    way = BeatExamples(remove_baseline=False, scaling="min_max", template="none", rr="none", shape=False, rate_hz=90)
    np.testing.assert_array_equal(contents(tmp_path)["r0"], contents(tmp_path, way)["r0"])


def test_content_of_another_lead_is_another(tmp_path):
    write_beats(tmp_path / "db", "r0", "NNVN")
    other = contents(tmp_path, BeatExamples(leads=("V1",)))["r0"]
    assert not np.isin(contents(tmp_path)["r0"], other).any()


def test_content_is_found_again_in_a_part_of_the_record(tmp_path):
    write_beats(tmp_path / "db", "whole", "NNVNNANN")
    write_part(tmp_path / "db" / "whole.hea", tmp_path / "db", "part", first=1000, last=2500)
    found = contents(tmp_path)
    np.testing.assert_array_equal(found["part"], found["whole"][3:7])


def test_flat_and_saturated_leads_of_two_records_are_no_copies(tmp_path):
    rail = np.full((2000, 1), 2.0)
    step = np.where(np.arange(2000) % 400 < 200, -5.0, 5.0)[:, None]
    rest = bumps_mv(60_000, regular_peaks(190))[:, [0]]  # a record that is flat for longer is refused as a whole
    for number, part in enumerate((rail, rail, step, step)):
        signal = np.concatenate([part, rest])
        write_record(tmp_path / "db", f"r{number}", signal, 360, ["MLII"])
        write_annotations(tmp_path / "db", f"r{number}", [400, 800, 1200], "NNN")
    every = np.concatenate(list(contents(tmp_path).values()))
    assert len(set(every.tolist())) == len(every) == 12


def test_missing_samples_beside_a_window_do_not_hide_a_copy(tmp_path):
    signal = bumps_mv(3000, regular_peaks(6))[:, [0]]
    signal[810:850] = np.nan
    small = BeatExamples(before_s=0.05, after_s=0.05)
    for name in ("r0", "r1"):
        write_record(tmp_path / "db", name, signal, 360, ["MLII"])
        write_annotations(tmp_path / "db", name, [400, 780, 1100], "NNN")
    found = contents(tmp_path, small)
    np.testing.assert_array_equal(found["r0"], found["r1"])
    assert len(found["r0"]) == 3


def test_beats_cut_off_are_counted_by_class(tmp_path):
    fake_folder(tmp_path)
    config = WfdbBeats(folder="db", examples=BeatExamples(before_s=2.0, after_s=1.5))
    dataset = build_wfdb_beats(config, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    assert examples.dropped["N beats at an end or a gap"] == 3
    assert examples.index["id"][0] == "r0:2"


def test_patients_are_split_whole(tmp_path):
    fake_folder(tmp_path)
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    parts = [dataset.make_examples(record) for record in dataset.records]
    index = {name: np.concatenate([part.index[name] for part in parts]) for name in parts[0].index}
    index["label"] = np.concatenate([part.arrays["label"] for part in parts])
    splits = dataset.split(index, 0)
    owners = [set(index["patient"][rows]) for rows in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 3


def test_a_broken_header_waits_for_the_policy_on_bad_records(tmp_path):
    (fake_folder(tmp_path) / "r1.hea").write_text("r1 2 -360 100\n")
    dataset = build_wfdb_beats(CONFIG, tmp_path)
    with pytest.raises(DataError, match=r"r1\.hea"):
        dataset.make_examples(dataset.records[1])


def test_another_annotator_is_found_by_its_extension(tmp_path):
    write_beats(tmp_path / "db", "r0", "NV", annotator="qrs")
    config = CONFIG.model_copy(update={"annotator": "qrs"})
    assert build_wfdb_beats(config, tmp_path).records[0].files[-1].name == "r0.qrs"
    with pytest.raises(DataError, match=r"no record has a \.atr file"):
        build_wfdb_beats(CONFIG, tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"db: is not a folder"):
        build_wfdb_beats(CONFIG, tmp_path)


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "db").mkdir()
    with pytest.raises(DataError, match="holds no record"):
        build_wfdb_beats(CONFIG, tmp_path)
