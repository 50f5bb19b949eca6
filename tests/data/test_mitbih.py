import pickle

import numpy as np
import pytest

from kerasmed.config.dataset import BeatExamples, MitbihBeats
from kerasmed.data.dataset import Index
from kerasmed.data.labels import CLASSES
from kerasmed.data.leakage import check_splits
from kerasmed.data.protocols import (
    DS1,
    DS2,
    DS2_STRICT,
    PACED,
    PROTOCOLS,
    SET_DS1,
    SET_DS2,
    SET_DS2_STRICT,
    SET_PACED,
    RecordSet,
)
from kerasmed.data.readers.wfdb import read_annotations, read_record
from kerasmed.data.sources.mitbih import build_mitbih_beats, check_counts
from kerasmed.data.sources.wfdb_beats import CUT_OFF
from kerasmed.errors import ConfigError, DataError, LeakageError, UnknownNameError
from tests.fakes.beats import write_beats

# The windows alone, as they are in the record.
RAW = {"remove_baseline": False, "scaling": "none", "template": "none", "shape": False, "rr": "none"}
SMALL = BeatExamples(before_s=0.05, after_s=0.05, rate_hz=60, **RAW)


def index_of(dataset) -> tuple[Index, dict[str, int]]:
    parts = [dataset.make_examples(record) for record in dataset.records]
    index = {name: np.concatenate([part.index[name] for part in parts]) for name in parts[0].index}
    index["label"] = np.concatenate([part.arrays["label"] for part in parts])
    index["content"] = np.concatenate([part.content for part in parts])
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return index, dropped


@pytest.fixture(scope="session")
def real_ds1(data_root, mitdb):
    return index_of(build_mitbih_beats(MitbihBeats(folder=mitdb.name), data_root))


def fake_records(folder, names, symbols="NAVF/NNN"):
    for number, name in enumerate(names):
        leads = ("V5", "V2") if name in ("102", "104") else ("MLII", "V1")
        write_beats(folder / "mitdb", name, symbols, leads=leads, seed=number)
    return folder


def test_the_record_sets_are_disjoint_and_complete():
    assert len(DS1) == len(DS2) == 22
    assert len(set(DS1 + DS2 + PACED)) == 48
    assert set(DS2) - set(DS2_STRICT) == {"202"}


@pytest.mark.parametrize(
    ("part", "total"), [(SET_DS1, 51021), (SET_DS2, 49712), (SET_PACED, 8761), (SET_DS2_STRICT, 47576)]
)
def test_expected_counts_add_up(part, total):
    assert sum(part.counts) == total


def test_ds1_has_the_expected_beats_of_every_class(real_ds1):
    index, dropped = real_ds1
    lost = [dropped.get(CUT_OFF.format(name), 0) for name in CLASSES]
    assert (np.bincount(index["label"]) + lost).tolist() == list(SET_DS1.counts)
    assert sum(lost) == 24


def test_the_paced_records_have_the_expected_beats_with_v5_for_mlii(data_root, mitdb):
    config = MitbihBeats(protocol="intra", allow_missing=True, folder=mitdb.name)
    dataset = build_mitbih_beats(config, data_root)
    paced = [dataset.make_examples(record) for record in dataset.records if record.record_id in PACED]
    found = np.bincount(np.concatenate([part.arrays["label"] for part in paced]), minlength=5)
    lost = [sum(part.dropped.get(CUT_OFF.format(name), 0) for part in paced) for name in CLASSES]
    assert (found + lost).tolist() == list(SET_PACED.counts)
    assert "their V5 stands in" in " ".join(dataset.notes)


def test_annotations_that_are_no_beats_are_counted_by_symbol(real_ds1):
    _, dropped = real_ds1
    assert dropped["annotations '!' that are no beat of the five classes"] == 472


def test_record_114_is_read_by_the_name_of_its_lead(data_root, mitdb):
    settings = BeatExamples(before_s=0.25, after_s=0.5, rate_hz=360, **RAW)
    dataset = build_mitbih_beats(MitbihBeats(examples=settings, folder=mitdb.name), data_root)
    examples = dataset.make_examples(next(record for record in dataset.records if record.record_id == "114"))
    both = read_record(mitdb / "114.hea")
    peak = examples.index["sample"][100]
    expected = both.signal_mv[peak - 90 : peak + 180, both.leads.index("MLII")]
    assert both.leads[0] == "V5"
    np.testing.assert_allclose(examples.arrays["signal"][100, :, 0] * 1e-3, expected, atol=6e-4)


def test_examples_are_those_of_the_annotations(data_root, mitdb):
    dataset = build_mitbih_beats(MitbihBeats(folder=mitdb.name), data_root)
    examples = dataset.make_examples(next(record for record in dataset.records if record.record_id == "208"))
    marks = read_annotations(mitdb / "208.atr")
    places = np.searchsorted(marks.samples, examples.index["sample"])
    np.testing.assert_array_equal(marks.symbols[places], examples.index["symbol"])
    assert examples.index["id"][0].startswith("208:")
    assert len(set(examples.index["id"])) == len(examples.index["id"])


def test_ds1_trains_on_the_other_records_and_passes_the_guard(real_ds1, data_root, mitdb):
    index, _ = real_ds1
    dataset = build_mitbih_beats(MitbihBeats(folder=mitdb.name), data_root)
    splits = dataset.split(index, 0)
    assert set(index["record"][splits.validation]) == {"112", "205", "207", "223"}
    assert set(index["record"][splits.train]) == set(DS1) - {"112", "205", "207", "223"}
    np.testing.assert_array_equal(splits.test, splits.validation)
    facts = check_splits(index, splits, dataset.protocol)
    assert (facts.shared_patients, facts.shared_signals) == (0, 0)


def test_no_two_beats_of_real_ds1_are_taken_for_the_same_signal(real_ds1):
    index, _ = real_ds1
    assert len(np.unique(index["content"])) == len(index["id"])


def test_the_expected_counts_of_real_ds1_are_asserted(real_ds1):
    index, dropped = real_ds1
    check_counts(index, dropped, PROTOCOLS["ds1"].sets)
    changed = {**index, "label": index["label"].copy()}
    changed["label"][np.flatnonzero(index["label"] == 0)[0]] = 2
    with pytest.raises(DataError, match=r"N 45865 instead of 45866, V 3789 instead of 3788"):
        check_counts(changed, dropped, PROTOCOLS["ds1"].sets)


def test_a_missing_beat_is_noticed(real_ds1):
    index, dropped = real_ds1
    fewer = {name: column[:-1] for name, column in index.items()}
    with pytest.raises(DataError, match="N 45865 instead of 45866"):
        check_counts(fewer, dropped, PROTOCOLS["ds1"].sets)


def test_sets_that_are_wrong_only_one_by_one_are_noticed(real_ds1):
    index, dropped = real_ds1
    one = RecordSet("101", ("101",), (1860, 4, 0, 0, 2))
    rest = RecordSet("the rest", DS1[1:], tuple(np.array(SET_DS1.counts) - one.counts))
    with pytest.raises(DataError, match=r"MIT-BIH 101: .* S 3 instead of 4"):
        check_counts(index, dropped, (one, rest))


def test_counts_of_an_incomplete_set_are_not_checked(real_ds1):
    index, dropped = real_ds1
    part = index["record"] != "230"
    check_counts({name: column[part] for name, column in index.items()}, dropped, PROTOCOLS["ds1"].sets)
    check_counts(index, dropped, PROTOCOLS["ds1_ds2"].sets)


def test_missing_records_are_named_and_refused(tmp_path):
    root = fake_records(tmp_path, [name for name in DS1 if name not in ("106", "230")])
    (root / "mitdb" / "101.atr").unlink()
    with pytest.raises(
        DataError, match=r"3 records of protocol ds1 are missing \(.*\): 101, 106, 230\. .*allow_missing"
    ):
        build_mitbih_beats(MitbihBeats(), root)


def test_missing_records_that_are_allowed_are_noted(tmp_path):
    root = fake_records(tmp_path, [name for name in DS1 if name != "106"])
    dataset = build_mitbih_beats(MitbihBeats(allow_missing=True), root)
    assert len(dataset.records) == 21
    assert "missing records of the protocol (1 of 22): 106" in dataset.notes


def test_a_split_without_any_record_is_refused_even_so(tmp_path):
    root = fake_records(tmp_path, DS1)
    with pytest.raises(DataError, match="none of the test records is there"):
        build_mitbih_beats(MitbihBeats(protocol="ds1_ds2", allow_missing=True), root)


def test_other_files_of_the_folder_are_never_picked_up(tmp_path):
    root = fake_records(tmp_path, (*DS1, "x_101", "100"))
    dataset = build_mitbih_beats(MitbihBeats(), root)
    assert [record.record_id for record in dataset.records] == list(DS1)


def test_201_and_202_are_one_patient_whom_only_strict_leaves_out(tmp_path):
    root = fake_records(tmp_path, DS1 + DS2)
    index, _ = index_of(build_mitbih_beats(MitbihBeats(protocol="ds1_ds2", examples=SMALL), root))
    whole, strict = (build_mitbih_beats(MitbihBeats(protocol=name), root) for name in ("ds1_ds2", "ds1_ds2_strict"))
    splits = whole.split(index, 0)
    assert check_splits(index, splits, whole.protocol).shared_patients == 1
    assert any("201" in badge and "same person" in badge for badge in whole.protocol.badges)
    with pytest.raises(LeakageError, match="train and test: 201/202"):
        check_splits(index, splits, strict.protocol)
    assert "202" not in {record.record_id for record in strict.records}


def test_ds1_ds2_judges_on_ds2_and_chooses_the_epoch_on_ds1(tmp_path):
    root = fake_records(tmp_path, DS1 + DS2)
    dataset = build_mitbih_beats(MitbihBeats(protocol="ds1_ds2", examples=SMALL), root)
    index, _ = index_of(dataset)
    splits = dataset.split(index, 0)
    assert set(index["record"][splits.test]) == set(DS2)
    assert set(index["record"][splits.train]) | set(index["record"][splits.validation]) == set(DS1)


def test_intra_draws_beats_of_all_records_and_says_so(tmp_path):
    root = fake_records(tmp_path, DS1 + DS2 + PACED)
    dataset = build_mitbih_beats(MitbihBeats(protocol="intra", examples=SMALL), root)
    index, _ = index_of(dataset)
    splits = dataset.split(index, 0)
    assert len(splits.test) == pytest.approx(0.2 * len(index["id"]), abs=5)
    assert dataset.protocol.badges == ("same patients in train and test",)
    assert check_splits(index, splits, dataset.protocol).shared_patients > 40


def test_the_187_samples_of_the_intra_settings_reach_from_0_to_1(tmp_path):
    root = fake_records(tmp_path, DS1 + DS2 + PACED)
    settings = BeatExamples(before_s=0.4, after_s=1.096, rate_hz=125, **{**RAW, "scaling": "min_max"})
    dataset = build_mitbih_beats(MitbihBeats(protocol="intra", examples=settings), root)
    signal = dataset.make_examples(dataset.records[0]).arrays["signal"]
    assert signal.shape[1:] == dataset.spec.inputs["signal"].shape == (187, 1)
    assert np.all(signal.min(axis=1) == 0)
    assert np.all(signal.max(axis=1) * dataset.spec.inputs["signal"].scale == 1)


def test_other_leads_have_no_stand_in(tmp_path):
    root = fake_records(tmp_path, DS1 + DS2 + PACED)
    config = MitbihBeats(protocol="intra", examples=SMALL.model_copy(update={"leads": ("V1",)}))
    assert build_mitbih_beats(config, root).recipe["stand_ins"] == {}


def test_examples_can_be_made_in_another_process(tmp_path):
    root = fake_records(tmp_path, DS1)
    dataset = build_mitbih_beats(MitbihBeats(), root)
    sent = pickle.loads(pickle.dumps(dataset.make_examples))  # noqa: S301
    np.testing.assert_array_equal(
        sent(dataset.records[0]).arrays["signal"], dataset.make_examples(dataset.records[0]).arrays["signal"]
    )


def test_a_validation_record_outside_ds1_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match=r"no DS1 record .* named '221'"):
        build_mitbih_beats(MitbihBeats(validation_records=("112", "221")), tmp_path)


def test_nothing_left_to_train_on_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="leave some records to train on"):
        build_mitbih_beats(MitbihBeats(validation_records=DS1), tmp_path)


def test_cross_validation_needs_ds1(tmp_path):
    with pytest.raises(ConfigError, match=r"needs dataset\.protocol=ds1, not intra"):
        build_mitbih_beats(MitbihBeats(protocol="intra", cross_validate=True), tmp_path)


def test_cross_validation_is_in_the_rules(tmp_path):
    root = fake_records(tmp_path, DS1)
    rules = build_mitbih_beats(MitbihBeats(cross_validate=True, num_folds=5), root).protocol
    assert rules.name == "mitbih_ds1_cross_validated"
    assert "5 folds" in rules.describe


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_published_number_is_a_share_with_a_source(protocol):
    for entry in protocol.rules.published:
        assert entry.source
        assert all(0 < value < 1 for value in entry.metrics.values())
