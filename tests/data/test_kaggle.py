import numpy as np
import pytest

from kerasmed.config.dataset import KaggleBeats
from kerasmed.data.readers import beat_csv
from kerasmed.data.readers.beat_csv import read_beat_csv
from kerasmed.data.sources.kaggle import PUBLISHED_ROWS, build_kaggle_beats, check_rows
from kerasmed.errors import DataError


def beats(num_rows, seed=0):
    """float64 (n, 188): values of float32 in 0..1 with padding, labels 0..4 in turn."""
    table = np.random.default_rng(seed).random((num_rows, 188)).astype(np.float32).astype(np.float64)
    table[:, 150:] = 0
    table[:, 0] = 1
    table[:, -1] = np.arange(num_rows) % 5
    return table


def write(path, table, fmt="%.18e"):
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, table, delimiter=",", fmt=fmt)
    return path


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "heartbeat" / "mitbih_train.csv", beats(60))
    write(tmp_path / "heartbeat" / "mitbih_test.csv", beats(20, seed=1))
    return tmp_path


def index_of(dataset):
    parts = [dataset.make_examples(record) for record in dataset.records]
    index = {name: np.concatenate([part.index[name] for part in parts]) for name in parts[0].index}
    return {**index, "label": np.concatenate([part.arrays["label"] for part in parts])}


@pytest.mark.parametrize("fmt", ["%.18e", "%.9g"])
def test_every_value_is_read_to_the_last_bit_of_float32(tmp_path, fmt):
    table = beats(30)
    rows, labels = read_beat_csv(write(tmp_path / "a.csv", table, fmt), 5)
    np.testing.assert_array_equal(rows, table[:, :-1].astype(np.float32))
    np.testing.assert_array_equal(labels, table[:, -1])


def test_a_file_of_many_blocks_is_read_whole(tmp_path, monkeypatch):
    table = beats(40)
    path = write(tmp_path / "a.csv", table)
    monkeypatch.setattr(beat_csv, "BLOCK_BYTES", 10_000)
    np.testing.assert_array_equal(read_beat_csv(path, 5)[0], table[:, :-1].astype(np.float32))


@pytest.mark.parametrize("fmt", ["%.18e", "%.9g"])
def test_a_byte_order_mark_crlf_and_blank_lines_at_the_end_change_nothing(tmp_path, fmt):
    path = write(tmp_path / "a.csv", beats(10), fmt)
    plain = read_beat_csv(path, 5)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\n")
    for one, other in zip(plain, read_beat_csv(path, 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_last_line_without_an_end_is_read(tmp_path):
    path = write(tmp_path / "a.csv", beats(10))
    path.write_bytes(path.read_bytes().rstrip())
    assert len(read_beat_csv(path, 5)[0]) == 10


@pytest.mark.parametrize("block_bytes", [10_000, 1 << 20])
def test_all_faults_are_listed_at_once_with_their_lines(tmp_path, monkeypatch, block_bytes):
    path = write(tmp_path / "a.csv", beats(30))
    lines = path.read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 1)[0]
    lines[3] = lines[3].rsplit(",", 1)[0]
    lines[6] = ""
    lines[9] = lines[9].replace(lines[9].split(",")[4], "abc")
    lines[12] = lines[12].replace(lines[12].split(",")[4], "nan")
    lines[15] = lines[15].replace(lines[15].split(",")[4], "1.5")
    lines[18] = lines[18].rsplit(",", 1)[0] + ",7"
    lines[21] = lines[21].rsplit(",", 1)[0] + ",0.5"
    lines[24] = lines[24].replace(lines[24].split(",")[4], '"0,5"')
    path.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(beat_csv, "BLOCK_BYTES", block_bytes)
    with pytest.raises(DataError) as caught:
        read_beat_csv(path, 5)
    message = str(caught.value)
    for fault in (
        "lines 3-4: 187 columns instead of 188",
        "line 7: a blank line",
        "line 10: a cell that is no number",
        "line 13: a value that is not finite",
        "line 16: a sample outside 0..1",
        "lines 19, 22: a label outside 0..4",
        "line 25: 189 columns instead of 188",
    ):
        assert fault in message
    assert "\n" not in message


def test_a_heading_is_a_fault_of_line_1(tmp_path):
    path = write(tmp_path / "a.csv", beats(10))
    path.write_text(",".join(f"t{i}" for i in range(188)) + "\n" + path.read_text())
    with pytest.raises(DataError, match=r"a\.csv: line 1: a cell that is no number"):
        read_beat_csv(path, 5)


def test_very_many_faults_stay_one_readable_line(tmp_path):
    table = beats(100)
    table[::2, 5] = 2
    with pytest.raises(DataError, match=r"lines 1, 3, .* 39 and more, 50 in all: a sample outside 0\.\.1"):
        read_beat_csv(write(tmp_path / "a.csv", table), 5)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv: is empty"):
        read_beat_csv(path, 5)


def test_a_single_class_is_refused(tmp_path):
    table = beats(10)
    table[:, -1] = 3
    with pytest.raises(DataError, match="every label is 3"):
        read_beat_csv(write(tmp_path / "a.csv", table), 5)


def test_missing_files_are_named_with_where_to_get_them(root):
    (root / "heartbeat" / "mitbih_test.csv").unlink()
    with pytest.raises(DataError, match=r"mitbih_test\.csv missing\. .*shayanfazeli/heartbeat"):
        build_kaggle_beats(KaggleBeats(), root)


def test_examples_are_what_the_spec_says(root):
    dataset = build_kaggle_beats(KaggleBeats(), root)
    examples = dataset.make_examples(dataset.records[0])
    spec = dataset.spec.inputs["signal"]
    assert examples.arrays["signal"].shape == (60, *spec.shape)
    assert str(examples.arrays["signal"].dtype) == spec.dtype
    np.testing.assert_allclose(examples.arrays["signal"][..., 0] * spec.scale, beats(60)[:, :-1], atol=1.6e-5)


def test_the_id_of_a_row_is_its_line(root):
    dataset = build_kaggle_beats(KaggleBeats(), root)
    assert dataset.make_examples(dataset.records[1]).index["id"][[0, -1]].tolist() == [
        "mitbih_test:1",
        "mitbih_test:20",
    ]


def test_the_test_file_judges_and_validation_is_cut_from_train(root):
    dataset = build_kaggle_beats(KaggleBeats(validation_rate=0.25), root)
    index = index_of(dataset)
    splits = dataset.split(index, 0)
    assert set(index["record"][splits.test]) == {"mitbih_test"}
    assert set(index["record"][splits.validation]) == {"mitbih_train"}
    assert np.bincount(index["label"][splits.validation]).tolist() == [3] * 5
    assert set(index["patient"]) == {"unknown"}
    assert dataset.protocol.badges == ("same patients in train and test",)


def published_index(counts):
    return {
        "record": np.repeat(list(PUBLISHED_ROWS), list(PUBLISHED_ROWS.values())),
        "label": np.repeat(np.arange(5, dtype=np.int8), counts),
    }


def test_the_published_files_have_no_more_of_a_class_than_the_database():
    check_rows(published_index([90589, 2779, 7236, 803, 8039]), {})
    with pytest.raises(DataError, match="V 7237 of 7236"):
        check_rows(published_index([90588, 2779, 7237, 803, 8039]), {})


def test_other_files_are_not_held_against_the_database(caplog):
    check_rows({"record": np.array(["mitbih_train"] * 9000), "label": np.full(9000, 3, np.int8)}, {})
    assert "not the published files" in caplog.text
