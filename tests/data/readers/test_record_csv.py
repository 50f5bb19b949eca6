import pytest

from kerasmed.data.readers.record_csv import Columns, read_record_csv
from kerasmed.errors import DataError

GOOD = "record,patient,label\nr0,anna,normal\nr1,bert,af\nr2,bert,normal\n"
COLUMNS = Columns()
PER_CLASS = Columns(label=None, task="multi_label")


def read(tmp_path, content, columns=COLUMNS, there=("r0", "r1", "r2", "r3", "sub/r4")):
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_record_csv(path, columns, set(there).__contains__)


def fault(tmp_path, content, columns=COLUMNS):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content, columns)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_label_column_gives_sorted_classes(tmp_path):
    found = read(tmp_path, GOOD)
    assert (found.records, found.patients) == (("r0", "r1", "r2"), ("anna", "bert", "bert"))
    assert found.classes == ("af", "normal")
    assert found.targets.tolist() == [1, 0, 1]


def test_stated_classes_give_the_order(tmp_path):
    assert read(tmp_path, GOOD, Columns(classes=("normal", "af"))).targets.tolist() == [0, 1, 0]


def test_every_other_column_is_a_class_of_its_own(tmp_path):
    found = read(tmp_path, "record,patient,af,block\nr0,a,0,1\nr1,b,1,1\nsub/r4,b,0,0\n", PER_CLASS)
    assert found.classes == ("af", "block")
    assert found.targets.tolist() == [[0, 1], [1, 1], [0, 0]]


def test_one_class_column_of_each_row_may_be_asked_for(tmp_path):
    table = "record,patient,af,block\nr0,a,0,1\nr1,b,1,0\nr2,c,1,1\nr3,d,0,0\n"
    said = fault(tmp_path, table, Columns(label=None))
    assert "line 4: 2 classes, where one is asked for; line 5: no class" in said
    assert read(tmp_path, "\n".join(table.split("\n")[:3]), Columns(label=None)).targets.tolist() == [1, 0]


def test_a_label_cell_may_hold_several(tmp_path):
    table = "record,patient,label\nr0,a,af; block\nr1,b,\nr2,c,block\n"
    found = read(tmp_path, table, Columns(task="multi_label"))
    assert found.targets.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_without_patients_each_record_is_one(tmp_path):
    assert read(tmp_path, "record,label\nr0,a\nr1,b\n", Columns(patient=None)).patients == ("r0", "r1")


def test_mark_of_byte_order_crlf_quotes_and_empty_lines_are_no_fault(tmp_path):
    content = b'\xef\xbb\xbfrecord,patient,label,note\r\n\r\nr0,"Smith, Anna",normal,"a\r\nb"\r\nr1,bert,af,\r\n'
    assert read(tmp_path, content).patients == ("Smith, Anna", "bert")


def test_all_faults_are_in_one_message_with_their_lines(tmp_path):
    table = (
        "record,patient,label,note\n"
        'r0,anna,normal,"two\nlines"\n'
        ",bert,af,\n"
        "r0,bert,af,\n"
        "r2,,normal,\n"
        "r3,carl,strange,\n"
        "lost,carl,af,\n"
        "../r1,carl,af,\n"
        "r1,carl\n"
        "sub/r4,dora,,\n"
    )
    said = fault(tmp_path, table, Columns(classes=("normal", "af")))
    for expected in (
        "line 4: no record is named",
        "line 5: record 'r0' is on line 2 already",
        "line 6: no patient is named",
        "line 7: class 'strange' is unknown",
        "line 8: there is no record 'lost'",
        "line 9: '../r1' is no name of a record",
        "line 10: 2 cells, and the heading has 4",
        "line 11: no class",
        "Classes: normal, af.",
    ):
        assert expected in said


def test_the_same_fault_is_told_once_with_all_its_lines(tmp_path):
    rows = "".join(f"r{number},,normal\n" for number in range(3))
    assert "lines 2, 3, 4: no patient is named" in fault(tmp_path, f"record,patient,label\n{rows}")


def test_a_class_column_holds_0_and_1_alone(tmp_path):
    said = fault(tmp_path, "record,patient,af,block\nr0,a,yes,1\nr1,b,0,\n", PER_CLASS)
    assert "line 2: column 'af' holds 'yes', not 0 or 1; line 3: column 'block' is empty" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("record,patient,label\n", "has no row below its heading"),
        ("name,who,label\nr0,a,b\n", "line 1: no column 'record'; line 1: no column 'patient'"),
        ("record;patient;label\nr0;a;b\n", "line 1: no column 'record'"),
        ("record,patient,label,label\nr0,a,b,b\n", "line 1: column 'label' is there 2 times"),
        ("record,patient,label\nr0,a,x\nr1,b,x\n", "has a single class ('x')"),
        ('record,patient,label\nr0,a,"x\n', "line 2: unexpected end of data"),
        (GOOD.encode("utf-16"), "line 1 is not UTF-8"),
        (GOOD.encode() + b"r3,J\xf6rg,af\n", "line 5 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_labels_says_so(tmp_path, content, said):
    assert said in fault(tmp_path, content)


def test_a_class_that_no_record_has_cannot_be_learned(tmp_path):
    assert "no record has class 'flutter'" in fault(tmp_path, GOOD, Columns(classes=("af", "normal", "flutter")))
    said = fault(tmp_path, "record,patient,af,block\nr0,a,1,1\nr1,b,1,0\n", PER_CLASS)
    assert "every record has 'af'" in said


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv: is missing"):
        read_record_csv(tmp_path / "labels.csv", COLUMNS, bool)
