import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_annotations
from kerasmed.data.readers.wfdb_annotations import MAX_NOTE_CHARS
from kerasmed.errors import DataError
from tests.fakes.wfdb_files import SYMBOL_CODES, word, write_annotations, write_record

END = word(0)


def read_words(tmp_path, *words):
    (tmp_path / "r.atr").write_bytes(b"".join(words))
    return read_annotations(tmp_path / "r.atr")


def aux(text, length=None):
    return word(63, len(text) if length is None else length) + text + bytes(len(text) % 2)


def skip(interval):
    high, low = interval >> 16 & 0xFFFF, interval & 0xFFFF
    return word(59) + high.to_bytes(2, "little") + low.to_bytes(2, "little")


def test_marks_come_back_as_they_were_written(tmp_path):
    samples, symbols = [0, 5, 5, 2000, 5_000_000], ["+", "N", "V", "~", "N"]
    notes = ["(N", "", "odd", "", "even"]
    marks = read_annotations(write_annotations(tmp_path, "r", samples, symbols, notes))
    assert marks.samples.tolist() == samples
    assert marks.symbols.tolist() == symbols
    assert marks.notes.tolist() == notes
    assert (marks.samples.dtype, marks.symbols.dtype.kind, marks.notes.dtype.kind) == (np.int64, "U", "U")


def test_every_symbol_has_its_code(tmp_path):
    symbols = list(SYMBOL_CODES)
    marks = read_annotations(write_annotations(tmp_path, "r", range(len(symbols)), symbols))
    assert marks.symbols.tolist() == symbols


def test_a_file_without_marks_is_empty(tmp_path):
    marks = read_words(tmp_path, END)
    assert len(marks.samples) == len(marks.symbols) == len(marks.notes) == 0


def test_notes_lose_their_trailing_nul(tmp_path):
    assert read_words(tmp_path, word(28, 5), aux(b"(AFIB\0"), END).notes.tolist() == ["(AFIB"]


def test_num_sub_and_chan_are_passed_over(tmp_path):
    marks = read_words(tmp_path, word(1, 7), word(60, 3), word(61, 255), word(62, 1), aux(b"x"), word(5, 3), END)
    assert (marks.samples.tolist(), marks.notes.tolist()) == ([7, 10], ["x", ""])


def test_a_note_may_hold_what_elsewhere_is_a_word(tmp_path):
    text = word(63, 9) + word(59) + word(0) + word(1, 1)
    marks = read_words(tmp_path, word(1, 7), aux(text), word(5, 3), END)
    assert marks.symbols.tolist() == ["N", "V"]
    assert marks.notes[0] == text.decode("latin-1")


def test_several_skips_add_up(tmp_path):
    assert read_words(tmp_path, skip(70_000), skip(-20_000), word(1, 3), END).samples.tolist() == [50_003]


def test_marks_of_code_0_pass_time_only(tmp_path):
    marks = read_words(tmp_path, word(0, 9), word(1, 1), word(0, 5), word(1, 1), END)
    assert marks.samples.tolist() == [10, 16]


def test_nuls_after_the_end_are_no_matter(tmp_path):
    assert read_words(tmp_path, word(1, 1), END, END, END).samples.tolist() == [1]


def test_what_a_file_says_of_itself_is_no_mark(tmp_path):
    words = [word(22), aux(b"## time resolution: 360"), skip(-1), word(0, 1), word(1, 30), END]
    assert read_words(tmp_path, *words).samples.tolist() == [30]


def test_a_note_at_the_first_sample_is_a_mark(tmp_path):
    assert read_words(tmp_path, word(22), aux(b"calibrated"), END).notes.tolist() == ["calibrated"]


def test_a_file_may_define_its_own_marks(tmp_path):
    notes = [b"## annotation type definitions", b"42 Zz a mark of ours", b"1 n normal", b"## end of definitions"]
    definitions = [part for note in notes for part in (word(22), aux(note))]
    assert read_words(tmp_path, *definitions, word(42, 9), word(1, 9), END).symbols.tolist() == ["Zz", "n"]


def test_times_at_the_rate_of_the_header_are_samples(tmp_path):
    write_record(tmp_path, "r", np.zeros((40, 1)), 360, ("I",))
    assert read_words(tmp_path, word(22), aux(b"## time resolution: 360"), word(1, 30), END).samples.tolist() == [30]


def test_times_at_another_rate_are_refused(tmp_path):
    write_record(tmp_path, "r", np.zeros((40, 1)), 360, ("I",))
    with pytest.raises(DataError, match=r"r\.atr: counts time at 1000 Hz, and r\.hea says 360 Hz"):
        read_words(tmp_path, word(22), aux(b"## time resolution: 1000"), word(1, 30), END)


def test_a_mark_beyond_the_signal_is_refused(tmp_path):
    path = write_annotations(tmp_path, "r", [99], ["N"])
    assert len(read_annotations(path, 100).samples) == 1
    with pytest.raises(DataError, match="a mark at sample 99 of a signal of 99"):
        read_annotations(path, 99)


BAD = {
    "empty": ([b""], "has no end"),
    "no end": ([word(1, 5), word(1, 5)], "has no end: it was cut off"),
    "half a word": ([word(1, 5), b"\0"], "ends within a word"),
    "half a note": ([word(1, 5), aux(b"(AFIB", 99), END], "ends within a mark"),
    "half a skip": ([word(1, 5), word(59), b"\0\0"], "ends within a mark"),
    "more after the end": ([word(1, 5), END, word(1, 5), END], "goes on after its end"),
    "a note of no mark": ([aux(b"(N"), word(1, 5), END], "belongs to no mark"),
    "back in time": ([word(1, 500), skip(-100), word(1), END], "go back in time"),
    "before the signal": ([skip(-100), word(1), END], "go back in time"),
    "long note": ([word(1, 5), aux(b"x" * 256), END], "a note of 256 bytes"),
    "unknown code": ([word(45, 5), END], "a mark of code 45"),
    "reserved code": ([word(55, 5), END], "a mark of code 55"),
    "bad definition": ([word(22), aux(b"## annotation type definitions"), word(22), aux(b"99 x y"), END], "'99 x y'"),
}


@pytest.mark.parametrize(("words", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_one_clear_line(tmp_path, words, reason):
    with pytest.raises(DataError, match=reason) as error:
        read_words(tmp_path, *words)
    assert str(error.value).startswith("r.atr: ")
    assert "\n" not in str(error.value)


def test_a_small_file_cannot_ask_for_the_memory_of_a_large_one(tmp_path):
    num_marks = MAX_NOTE_CHARS // 255 + 1
    with pytest.raises(DataError, match="too many"):
        read_words(tmp_path, word(1, 1) * num_marks, aux(b"x" * 255), END)
