import numpy as np
import pytest

from kerasmed.config.dataset import BeatExamples, Icentia11kBeats, Icentia11kRhythm, RecordExamples
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.readers.wfdb import read_annotations, read_record
from kerasmed.data.sources.icentia11k import (
    build_icentia11k_beats,
    build_icentia11k_rhythm,
    find_segments,
    rhythm_stretches,
)
from kerasmed.errors import DataError
from tests.fakes.twelve_lead_folders import write_segment

BEATS = Icentia11kBeats(window_s=20, validation_rate=0.25, test_rate=0.25)
RHYTHM = Icentia11kRhythm(
    examples=RecordExamples(leads=("ecg",), duration_s=10), validation_rate=0.25, test_rate=0.25, windows_per_segment=1
)
NOTES = ((0.2, "(N"), (30.0, ")"), (35.0, "(AFIB"), (60.0, "(AFL"), (75.0, ")"))


def write_folder(root, patients=(0, 1, 2, 1001), segments=3):
    for patient in patients:
        for segment in range(segments):
            write_segment(root / "icentia11k", patient, segment, "NNNSNVNQNN" * 10, NOTES)


def test_segments_are_drawn_of_each_patient_by_the_seed_of_the_dataset(tmp_path):
    write_folder(tmp_path)
    drawn, again, other = (
        [record.record_id for record in find_segments(tmp_path / "icentia11k", 2, seed).records] for seed in (0, 0, 5)
    )
    assert drawn == again != other
    assert len(drawn) == 8
    assert {name[:6] for name in drawn} == {"p00000", "p00001", "p00002", "p01001"}


def test_what_is_drawn_of_a_patient_does_not_hang_on_the_others(tmp_path):
    write_folder(tmp_path)
    write_folder(tmp_path / "fewer", patients=(2,))
    whole, part = (find_segments(root / "icentia11k", 2, 0).records for root in (tmp_path, tmp_path / "fewer"))
    assert [one.record_id for one in part] == [one.record_id for one in whole if one.patient == "p00002"]


def test_a_segment_that_lacks_a_file_is_passed_over_and_counted(tmp_path):
    write_folder(tmp_path, patients=(0,))
    (tmp_path / "icentia11k" / "p00" / "p00000" / "p00000_s01.atr").unlink()
    found = find_segments(tmp_path / "icentia11k", 9, 0)
    assert (found.num_patients, found.num_segments, found.num_broken, len(found.records)) == (1, 2, 1, 2)


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "icentia11k").mkdir()
    with pytest.raises(DataError, match="has no segment"):
        build_icentia11k_beats(BEATS, tmp_path)


def test_beats_have_four_classes_and_lie_in_the_stretches_drawn(tmp_path):
    write_folder(tmp_path, patients=(0,), segments=1)
    dataset = build_icentia11k_beats(BEATS, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    assert dataset.spec.target.classes == ("N", "S", "V", "Q")
    place = {"N": 0, "S": 1, "V": 2, "Q": 3}
    assert examples.arrays["label"].tolist() == [place[symbol] for symbol in examples.index["symbol"]]
    assert set(examples.arrays["label"].tolist()) == {0, 1, 2, 3}
    assert set(examples.index["record"]) == {"p00000_s00"}
    assert len({name.split(":")[0] for name in examples.index["id"]}) == BEATS.windows_per_segment
    assert len(examples.content) == len(examples.index["id"]) > 30


def test_a_beat_of_a_stretch_is_that_of_the_whole_segment(tmp_path):
    path = write_segment(tmp_path / "icentia11k", 0, 0, "N" * 100)
    dataset = build_icentia11k_beats(BEATS, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    marks = read_annotations(path.with_suffix(".atr"))
    starts = [int(name.split(":")[0].split("@")[1]) for name in examples.index["id"]]
    assert set(examples.index["sample"] + starts) <= set(marks.samples.tolist())


def test_rhythm_windows_lie_within_one_rhythm(tmp_path):
    write_folder(tmp_path, patients=(0,), segments=1)
    dataset = build_icentia11k_rhythm(RHYTHM, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    assert examples.arrays["signal"].shape == (3, 1000, 1)
    assert dataset.spec.target.classes == ("NSR", "AFIB", "AFL")
    starts_s = [int(name.split("@")[1]) / 250 for name in examples.index["id"]]
    for label, start_s in zip(examples.arrays["label"].tolist(), starts_s, strict=True):
        begin, end = {0: (0.2, 30), 1: (35, 60), 2: (60, 75)}[label]
        assert begin <= start_s
        assert start_s + 10 <= end


def test_none_notes_and_other_rhythms_name_no_stretch(tmp_path):
    notes = ((1.0, "(AFIB"), (5.0, "(VT"), (9.0, "(N"))
    path = write_segment(tmp_path / "icentia11k", 0, 0, "N" * 20, notes)
    marks = read_annotations(path.with_suffix(".atr"))
    assert "None" in marks.notes
    assert list(rhythm_stretches(marks, 5000)) == [(250, 1250, 1), (2250, 5000, 0)]


def test_a_segment_without_rhythm_or_beats_gives_no_example(tmp_path):
    write_segment(tmp_path / "icentia11k", 0, 0, "N" * 60)
    rhythm = build_icentia11k_rhythm(RHYTHM, tmp_path)
    examples = rhythm.make_examples(rhythm.records[0])
    assert {len(values) for values in (*examples.arrays.values(), *examples.index.values())} == {0}


def test_a_window_that_is_no_sound_recording_is_counted(tmp_path):
    path = write_segment(tmp_path / "icentia11k", 0, 0, "N" * 60, ((0.0, "(N"),))
    header = path.read_text().splitlines()
    content = bytes(path.with_suffix(".dat").stat().st_size)
    path.with_suffix(".dat").write_bytes(content)
    fields = header[1].split()
    fields[5:7] = ["0", "0"]
    path.write_text("\n".join([header[0], " ".join(fields), ""]))
    for build, config in ((build_icentia11k_rhythm, RHYTHM), (build_icentia11k_beats, BEATS)):
        dataset = build(config, tmp_path)
        examples = dataset.make_examples(dataset.records[0])
        assert len(examples.index["id"]) == 0
        assert any(reason.startswith("windows that are no sound recording (flat)") for reason in examples.dropped)


@pytest.mark.parametrize(("build", "config"), [(build_icentia11k_beats, BEATS), (build_icentia11k_rhythm, RHYTHM)])
def test_patients_are_split_and_a_shared_one_is_refused(tmp_path, build, config):
    write_folder(tmp_path, segments=1)
    dataset = build(config, tmp_path)
    prepared = prepare(dataset, tmp_path / "cache", BadRecordPolicy())
    facts = check_splits(prepared.index, dataset.split(prepared.index, 0), dataset.protocol)
    assert facts.shared_patients == facts.shared_signals == 0


def test_the_real_segment_is_read_as_wfdb_reads_it(data_root):
    import wfdb

    path = data_root / "icentia11k" / "p00" / "p00000" / "p00000_s00.hea"
    if not path.is_file():
        pytest.skip("icentia11k is not there")
    expected = wfdb.rdrecord(str(path.with_suffix("")))
    np.testing.assert_array_equal(read_record(path).signal_mv, expected.p_signal.astype(np.float32))
    marks, reference = read_annotations(path.with_suffix(".atr")), wfdb.rdann(str(path.with_suffix("")), "atr")
    np.testing.assert_array_equal(marks.samples, reference.sample)
    assert marks.symbols.tolist() == reference.symbol


def test_protocols_shape_of_the_real_segment(data_root, tmp_path):
    path = data_root / "icentia11k" / "p00" / "p00000" / "p00000_s00.hea"
    if not path.is_file():
        pytest.skip("icentia11k is not there")
    assert read_record(path).signal_mv.shape == (2**20 + 1, 1)
    beats = build_icentia11k_beats(Icentia11kBeats(examples=BeatExamples(leads=("ecg",), rate_hz=125)), data_root)
    prepared = prepare(beats, tmp_path, BadRecordPolicy())
    assert set(prepared.index["symbol"]) <= {"N", "Q"}
    rhythm = build_icentia11k_rhythm(Icentia11kRhythm(), data_root)
    examples = rhythm.make_examples(rhythm.records[0])
    assert examples.arrays["signal"].shape == (2, 3000, 1)
    assert examples.arrays["label"].tolist() == [0, 0]


def test_memory_does_not_grow_with_segments(tmp_path):
    import tracemalloc

    write_folder(tmp_path, patients=range(2), segments=2)
    dataset = build_icentia11k_rhythm(RHYTHM, tmp_path)
    dataset.make_examples(dataset.records[0])
    tracemalloc.start()
    for _ in range(5):
        for record in dataset.records:
            dataset.make_examples(record)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20
