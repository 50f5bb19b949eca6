"""Bad input as a user meets it: one line that says what is wrong, the right exit code, and nothing left behind.

The rows are those of FAULTS.md (F14, F15, F17, F35, S3 7-9, 13, 14); what each reader refuses is tested beside it.
"""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.small_runs import SMALL, Said, TrainedRun, say

Spoil = Callable[[Path], object]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder in which the program runs; its cache is beside it."""
    monkeypatch.delenv("KERASMED_DATA", raising=False)
    monkeypatch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def records(here: Path, simulated_root: Path) -> Path:
    """The folder of a copy of the small records, to be spoilt."""
    return Path(shutil.copytree(simulated_root / "ecg", here.parent / "data" / "ecg"))


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Path:
    """A run of the small model; once, whatever the backend."""
    run: TrainedRun = request.getfixturevalue("trained")
    return run.folder


@pytest.fixture(scope="module")
def array_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model, untrained, that reads beats of 187 samples."""
    request.getfixturevalue("backend")
    from kerasmed.build import build
    from kerasmed.config.model import SeResNet1D
    from kerasmed.data.sources.kaggle import kaggle_spec
    from kerasmed.export.publish import export_run_model

    config = SeResNet1D(stem_width=4, stem_stride=4, stage_widths=(4,), stage_blocks=(1,), squeeze=4)
    folder = tmp_path_factory.mktemp("saved")
    return export_run_model(build(config, kaggle_spec()), kaggle_spec(), ["onnx"], folder, "beats", {})


def check(records: Path, *words: str) -> Said:
    """What the program says of the data; `train` reads them by the same way and would go on to fit."""
    run = records.parents[1] / "small.yaml"
    run.write_text(SMALL)
    return say("data", "check", run, *words, "--data-dir", records.parent)


def assert_refused(said: Said, code: int, message: str, here: Path) -> None:
    """One line on stderr, none on stdout, and no file but what was there and the locks of the cache."""
    lines = [line for line in said.err.splitlines() if not line.startswith(("records: ", "left out: "))]
    assert (said.code, said.out, len(lines)) == (code, "", 1), said
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines[0]) < 1000
    left = [path for path in (*here.rglob("*"), *(here.parent / "cache").rglob("*")) if path.is_file()]
    assert [path.name for path in left if path.suffix != ".lock"] == []


def in_header(old: str, new: str, record: str = "S001") -> Spoil:
    def spoil(folder: Path) -> None:
        header = folder / f"{record}.hea"
        assert old in header.read_text()
        header.write_text(header.read_text().replace(old, new, 1))

    return spoil


def in_bytes(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def as_pipe(folder: Path) -> None:
    (folder / "S001.dat").unlink()
    os.mkfifo(folder / "S001.dat")


def as_link_outside(folder: Path) -> None:
    outside = folder.parent / "secret.dat"
    (folder / "S001.dat").rename(outside)
    (folder / "S001.dat").symlink_to(outside)


def listed(text: str) -> Spoil:
    return lambda folder: (folder / "RECORDS").write_text(text)


def bare(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


BAD_RECORDS: dict[str, tuple[Spoil, str]] = {
    "truncated signal": (in_bytes("S001.dat", lambda content: content[:-300]), "S001.dat: has "),
    "header longer than its file": (in_header(" 21600", " 21700"), "S001.dat: has "),
    "one bit of the signal": (in_bytes("S001.dat", lambda content: bytes([content[0] ^ 1]) + content[1:]), "S001"),
    "rate 0": (in_header(" 360 ", " 0 "), "S001.hea: "),
    "gain 0": (in_header("200.0(1024)/mV", "0(1024)/mV"), "S001"),
    "a lead twice": (in_header(" V1", " MLII"), "S001.hea: "),
    "no such lead": (in_header(" MLII", " II"), "MLII"),
    "a unit that is no voltage": (in_header("/mV", "/mmHg"), "mmHg"),
    "10^9 signals": (in_header("S001 2 ", "S001 999999999 "), "S001.hea: line 1: "),
    "10^14 samples": (in_header(" 21600", " 100000000000000"), "S001.hea: line 1: "),
    "a number of 20000 digits": (in_header(" 21600", " " + "9" * 20000), "S001.hea: "),
    "a signal file elsewhere": (in_header("S001.dat", "../secret.dat"), "S001.hea: line 2: "),
    "a signal file on the network": (in_header("S001.dat", "http://127.0.0.1/x.dat"), "S001.hea: line 2: "),
    "a pipe": (as_pipe, "S001.dat: is not a regular file"),
    "a link to outside": (as_link_outside, "S001.dat: is a link to outside its folder"),
    "no annotations": (lambda folder: (folder / "S001.atr").unlink(), "S001.atr: is missing"),
    "annotations cut off": (in_bytes("S001.atr", lambda content: content[:-3]), "S001.atr: "),
    "a record that is not there": (listed("S001 S002 S003 S004 S005 S006 S007 S009"), "S009.hea: is missing"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_bad_record_ends_with_3_where_so_many_may_not_be_bad(spoil: Spoil, message: str, records, here) -> None:
    spoil(records)
    said = check(records)
    assert_refused(said, 3, message, here)
    assert said.err.splitlines()[-1].startswith("error: 1 of 8 records: cannot be used (")


BAD_FOLDERS: dict[str, tuple[Spoil, str]] = {
    "empty": (bare, "holds no record (.hea)"),
    "a record outside": (listed("S001\n../../etc/passwd\n"), "names '../../etc/passwd', which lies outside the folder"),
    "no name": (listed("S001\nS0\0002\n"), "holds 'S0\\x002', which is no name of a record"),
    "a name of 5000 letters": (listed("S001\n" + "S" * 5000), "which is no name of a record"),
    "gone": (shutil.rmtree, "is not a folder"),
    "no annotations at all": (lambda folder: [path.unlink() for path in folder.glob("*.atr")], "no record has a .atr"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_a_folder_that_cannot_be_used_ends_with_3(spoil: Spoil, message: str, records: Path, here: Path) -> None:
    spoil(records)
    assert_refused(check(records), 3, message, here)


def test_too_few_patients_to_split_end_with_3(records: Path) -> None:
    listed("S001\nS002\n")(records)
    said = check(records)
    assert said.code == 3
    assert [line.startswith("error: 2 patients: are too few") for line in said.errors] == [True]


def test_a_record_that_is_listed_twice_counts_once(records: Path, here: Path) -> None:
    once = check(records, "--json").tree
    listed((records / "RECORDS").read_text() * 2)(records)
    assert check(records, "--json").tree == once


def test_good_data_work_after_bad_ones(records: Path, here: Path) -> None:
    good = (records / "S001.dat").read_bytes()
    (records / "S001.dat").write_bytes(good[:-300])
    assert check(records).code == 3
    (records / "S001.dat").write_bytes(good)
    assert check(records, "dataset.max_bad_rate=0").code == 0


def test_the_others_are_used_where_a_bad_record_may_be(records: Path, here: Path) -> None:
    whole = check(records, "--json")
    BAD_RECORDS["truncated signal"][0](records)
    said = check(records, "dataset.max_bad_rate=0.2", "--json")
    assert said.code == 0
    assert "left out, since they cannot be used: 1 of 8 records (quarantine.csv)" in said.tree["split"]["notes"]
    parts = [[tree["split"][name] for name in ("train", "validation", "test")] for tree in (whole.tree, said.tree)]
    before, after = ({record for part in tree for record in part["records"]} for tree in parts)
    assert before - after == {"S001"}


def test_the_first_bad_record_ends_a_run_that_wants_none(records: Path, here: Path) -> None:
    BAD_RECORDS["truncated signal"][0](records)
    assert_refused(check(records, "dataset.bad_records=fail", "dataset.max_bad_rate=1"), 3, "1 of 8 records", here)


BAD_RUN_FILES = {
    "python": (SMALL + "seed: !!python/object/apply:os.system ['touch x']\n", "the tag "),
    "anchors": (SMALL + "name: &a x\n", "an anchor ('&')"),
    "a key twice": (SMALL + "seed: 1\nseed: 2\n", "'seed' is written twice"),
    "deep nesting": (SMALL + "seed: " + "[" * 10000 + "]" * 10000, "nesting deeper than"),
    "an environment variable": (SMALL + "seed: ${oc.env:SECRET}\n", 'seed: "${oc.env:SECRET}": '),
    "an import path": (SMALL.replace("kind: se_resnet1d", "kind: se_resnet1d, _target_: os.system"), "'_target_'"),
    "nothing": ("", "holds no fields"),
    "a folder outside": (SMALL.replace("folder: ecg", "folder: ../ecg"), 'dataset.folder: "../ecg"'),
    "no number": (SMALL.replace("0.05", ".nan"), "trainer.learning_rate: "),
    "too much": (SMALL + "#" * 2_000_000, "is larger than"),
}


@pytest.mark.parametrize(("text", "message"), BAD_RUN_FILES.values(), ids=BAD_RUN_FILES)
def test_a_bad_run_file_ends_with_2(text: str, message: str, here: Path) -> None:
    run = here.parent / "run.yaml"
    run.write_text(text)
    said = say("train", run, "--data-dir", here.parent)
    assert said.code == 2
    assert message in said.errors[0]
    assert len(said.errors[0]) < 300
    assert list(here.iterdir()) == []


def beat_rows(labels: list[int], cells: int = 187) -> str:
    return "".join(",".join([*["0.5"] * cells, str(label)]) + "\n" for label in labels)


GOOD = beat_rows([0, 1, 2, 3, 4] * 8)
BAD_TABLES = {
    "unknown class": (GOOD + beat_rows([7]), "line 41: a label outside 0..4"),
    "a missing cell": (beat_rows([0, 1]) + beat_rows([2], 186), "line 3: 187 columns instead of 188"),
    "a quoted comma": (beat_rows([0, 1]).replace("0.5", '"0,5"', 1), "line 1: 189 columns instead of 188"),
    "several at once": (GOOD + "x\n" + beat_rows([9]), "line 41: 1 columns instead of 188; line 42: a label outside"),
    "one class": (beat_rows([2] * 9), "every label is 2"),
    "empty": ("", "is empty"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_of_beats_ends_with_3_and_names_every_line(text: str, message: str, here: Path) -> None:
    folder = here.parent / "data" / "heartbeat"
    folder.mkdir(parents=True)
    (folder / "mitbih_train.csv").write_text(text)
    (folder / "mitbih_test.csv").write_text(GOOD)
    said = say("data", "check", "kaggle_heartbeat", "dataset.max_bad_rate=0", "--data-dir", folder.parent)
    assert_refused(said, 3, message, here)


def test_a_table_with_a_byte_order_mark_and_windows_line_ends_is_good(here: Path) -> None:
    folder = here.parent / "data" / "heartbeat"
    folder.mkdir(parents=True)
    (folder / "mitbih_train.csv").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    (folder / "mitbih_test.csv").write_text(beat_rows([4, 3, 2, 1, 0] * 8).replace("0.5", "0.25"))
    assert say("data", "check", "kaggle_heartbeat", "--data-dir", folder.parent, "--json").code == 0


def flat(folder: Path) -> None:
    (folder / "S001.atr").unlink()
    (folder / "S001.hea").write_text("S001 1 360 7200 0:0:0 1/1/2000\nS001.dat 16 200/mV 12 0 0 0 0 MLII\n")
    (folder / "S001.dat").write_bytes(bytes(2 * 7200))


def short(folder: Path) -> None:
    (folder / "S001.atr").unlink()
    (folder / "S001.hea").write_text("S001 1 360 10\nS001.dat 16 200/mV 12 0 0 0 0 MLII\n")
    (folder / "S001.dat").write_bytes(bytes(2 * 10))


BAD_TO_PREDICT: dict[str, tuple[Spoil, int, str]] = {
    "another lead": (in_header(" MLII", " II"), 4, "S001: the model reads lead MLII; the record has II, V1"),
    "rate below 0": (in_header(" 360 ", " -360 "), 3, "S001.hea: "),
    "a wrong checksum": (BAD_RECORDS["one bit of the signal"][0], 3, "S001"),
    "a pipe": (as_pipe, 3, "S001.dat: is not a regular file"),
    "a signal file elsewhere": (in_header("S001.dat", "../x.dat"), 3, "S001.hea: line 2: "),
    "a flat lead": (flat, 3, "S001: lead MLII stands still for 100% of the time"),
    "ten samples": (short, 3, "S001: lasts 0.0278 s; 2 s or more are needed"),
    "no header": (lambda folder: (folder / "S001.hea").unlink(), 3, "S001.hea: is missing"),
}


@pytest.mark.parametrize(("spoil", "code", "message"), BAD_TO_PREDICT.values(), ids=BAD_TO_PREDICT)
def test_a_record_that_cannot_be_read_is_not_predicted(spoil, code, message, model, records, here) -> None:
    spoil(records)
    assert_refused(say("predict", model, records / "S001.hea"), code, message, here)


def npy(values: np.ndarray, allow_pickle: bool = False) -> bytes:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=allow_pickle)
    return content.getvalue()


def declared(shape: str, descr: str = "<f4") -> bytes:
    """A .npy file of that header, with no number behind it."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust((len(text) + 10) // 64 * 64 + 64 - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


BEATS = np.linspace(0, 1, 3 * 187, dtype=np.float32).reshape(3, 187)
BAD_ARRAYS = {
    "another length": (npy(BEATS[:, :100]), 4, "shape (3, 100) does not fit the model"),
    "two leads": (npy(np.zeros((3, 2, 187), np.float32)), 4, "shape (3, 2, 187) does not fit"),
    "a row that is no number": (npy(np.where(BEATS > 0.9, np.nan, BEATS)), 3, "1 of 3 beats hold NaN"),
    "objects": (npy(np.array([{"a": 1}]), allow_pickle=True), 3, "holds object"),
    "complex numbers": (npy(BEATS.astype(np.complex64)), 3, "holds complex64"),
    "nothing": (npy(BEATS[:0]), 3, "has shape (0, 187)"),
    "a terabyte declared": (declared("(100000, 100000, 100)"), 3, "declares 4000000000000 bytes"),
    "no numbers behind the header": (declared("(3, 187)"), 3, "declares 2244 bytes of numbers but holds 0"),
    "a shape below 0": (declared("(-1, 187)"), 3, "has shape (-1, 187)"),
    "code in the header": (declared("__import__('os').system('touch x')"), 3, "is no .npy file"),
    "an empty file": (b"", 3, "is no .npy file"),
    "a pickle": (b"\x80\x04K\x01.", 3, "is no .npy file"),
}


@pytest.mark.parametrize(("content", "code", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_a_file_of_beats_that_does_not_fit_is_not_predicted(content, code, message, array_model, here) -> None:
    beats = here.parent / "beats.npy"
    beats.write_bytes(content)
    assert_refused(say("predict", array_model, beats), code, f"beats.npy: {message}", here)


def test_good_beats_are_predicted_after_bad_ones(array_model: Path, here: Path) -> None:
    beats = here.parent / "beats.npy"
    beats.write_bytes(npy(BEATS[:, :100]))
    assert say("predict", array_model, beats).code == 4
    beats.write_bytes(npy(BEATS))
    assert say("predict", array_model, beats).code == 0
    assert [path.name for path in (here / "predictions").iterdir()] == ["beats.npy.csv"]


def test_a_file_of_beats_is_not_enough_for_a_model_of_rhythm(model: Path, here: Path) -> None:
    beats = here.parent / "beats.npy"
    beats.write_bytes(npy(BEATS))
    assert_refused(say("predict", model, beats), 4, "give it a WFDB record (.hea)", here)


def test_a_file_that_is_nothing_known_is_refused(model: Path, here: Path) -> None:
    picture = here.parent / "ecg.png"
    picture.write_bytes(b"\x89PNG")
    message = "ecg.png: is neither a WFDB record (.hea) nor a file of beats (.npy)"
    assert_refused(say("predict", model, picture), 3, message, here)
