import pytest

from kerasmed.data.readers.label_csv import read_labels, read_rows
from kerasmed.errors import DataError, UnknownNameError

VALUES = {"0": "no", "1": "yes"}


@pytest.fixture
def written(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "a.csv").write_bytes(text.encode(encoding))
        return tmp_path / "a.csv"

    return write


def test_a_byte_order_mark_crlf_and_quoted_commas_change_nothing(written):
    path = written('\ufeffid,note,y\r\n"a.png","x, y",1\r\nb.png,,0\r\n\r\n')
    assert read_labels(path, "id", "y", VALUES) == {"a.png": "yes", "b.png": "no"}


def test_without_values_the_class_is_what_the_column_says(written):
    assert read_labels(written("id,y\na,Normal\n"), "id", "y", {}) == {"a": "Normal"}


def test_all_bad_rows_are_named_at_once_without_a_name_of_a_picture(written):
    path = written("id,y\n,1\nJane.png,2\nok.png,1\nok.png,0\nJane.png,\n")
    with pytest.raises(DataError) as caught:
        read_labels(path, "id", "y", VALUES)
    assert str(caught.value) == (
        "a.csv: row 2: no name; row 3: class '2'; row 5: another class than a row above gives the same picture; "
        "row 6: class ''. Known classes: 0, 1."
    )


def test_a_missing_column_gets_the_nearest(written):
    with pytest.raises(UnknownNameError, match="Did you mean 'fractured'"):
        read_labels(written("id,fractured\na,1\n"), "id", "fracture", VALUES)


@pytest.mark.parametrize("text", ["", "id,y\n", "id,id\na,b\n", "id,y\na\n"])
def test_a_table_that_is_none_is_refused(written, text):
    with pytest.raises(DataError, match=r"a\.csv: "):
        read_rows(written(text))


def test_another_encoding_is_refused(written):
    with pytest.raises(DataError, match=r"cannot be read \(UnicodeDecodeError\)"):
        read_rows(written("id,y\nä,1\n", "latin-1"))
