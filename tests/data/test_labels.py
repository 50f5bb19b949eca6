import numpy as np
import pytest

from kerasmed.data.labels import CLASSES, NO_CLASS, classes_of
from kerasmed.data.protocols import SET_DS1, SET_DS2, SET_PACED

# Annotations of all 48 records of release 1.0.0 that mark beats.
SYMBOL_COUNTS = {
    "N": 75052, "L": 8075, "R": 7259, "V": 7130, "/": 7028, "A": 2546, "f": 982, "F": 803,
    "j": 229, "a": 150, "E": 106, "J": 83, "Q": 33, "e": 16, "S": 2,
}  # fmt: skip
OF_CLASS = {"N": "N·LRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}


@pytest.mark.parametrize(("name", "symbols"), OF_CLASS.items())
def test_every_symbol_of_ec57_has_its_class(name, symbols):
    assert [CLASSES[number] for number in classes_of(np.array(list(symbols)))] == [name] * len(symbols)


def test_all_other_annotations_have_no_class():
    assert set(classes_of(np.array(list('+~|"x[]!?BnrT'))).tolist()) == {NO_CLASS}


def test_the_flutter_wave_is_not_ventricular():
    assert classes_of(np.array(["!", "V"])).tolist() == [NO_CLASS, CLASSES.index("V")]


def test_the_symbols_of_the_release_add_up_to_the_expected_classes():
    totals = np.zeros(len(CLASSES), dtype=int)
    np.add.at(totals, classes_of(np.array(list(SYMBOL_COUNTS))), list(SYMBOL_COUNTS.values()))
    assert totals.tolist() == np.sum([part.counts for part in (SET_DS1, SET_DS2, SET_PACED)], axis=0).tolist()


def test_a_record_without_annotations_has_no_classes():
    assert classes_of(np.array([], dtype="<U1")).shape == (0,)
