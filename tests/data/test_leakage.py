from dataclasses import replace

import numpy as np
import pytest

from kerasmed.data.dataset import Protocol, Splits
from kerasmed.data.leakage import check_splits
from kerasmed.errors import LeakageError

RULES = Protocol("p", "rules")
SPLITS = Splits(*(np.arange(start, start + 10) for start in (0, 10, 20)))


def index(**changed):
    """30 examples of three patients with distinct ids and signals; `changed` replaces values by row."""
    columns = {
        "id": np.array([f"r{row // 10}:{row}" for row in range(30)]),
        "patient": np.repeat(["anna", "bert", "cleo"], 10),
        "content": np.arange(30, dtype=np.uint64) + np.uint64(2**63),
    }
    for name, values in changed.items():
        for row, value in values.items():
            columns[name][row] = value
    return columns


def test_clean_splits_pass_and_say_what_was_compared():
    facts = check_splits(index(), SPLITS, RULES)
    assert facts.compared == ("train/validation", "train/test", "validation/test")
    assert (facts.shared_patients, facts.shared_signals) == (0, 0)


@pytest.mark.parametrize(("row", "where"), [(10, "train and validation"), (20, "train and test")])
def test_a_patient_in_two_splits_is_named(row, where):
    with pytest.raises(LeakageError, match=f"same patient in {where}: anna"):
        check_splits(index(patient={row: "anna"}), SPLITS, RULES)


def test_a_patient_in_validation_and_test_is_named():
    with pytest.raises(LeakageError, match="validation and test: bert"):
        check_splits(index(patient={25: "bert"}), SPLITS, RULES)


def test_an_id_in_two_splits_is_named():
    with pytest.raises(LeakageError, match="same example in train and test: r0:3"):
        check_splits(index(id={22: "r0:3"}), SPLITS, RULES)


def test_a_row_in_two_splits_is_refused_whatever_the_protocol():
    doubled = replace(SPLITS, test=np.arange(9, 19))
    with pytest.raises(LeakageError, match="r0:9"):
        check_splits(index(), doubled, replace(RULES, shares_patients=True))


def test_an_equal_signal_is_named_by_both_ids():
    with pytest.raises(LeakageError, match="same signal in train and test: r0:4 = r2:21"):
        check_splits(index(content={21: 2**63 + 4}), SPLITS, RULES)


def test_many_hits_are_named_in_part():
    copies = {20 + row: 2**63 + row for row in range(10)}
    with pytest.raises(LeakageError, match=r"(r0:\d = r2:2\d, ){4}r0:4 = r2:24 and more"):
        check_splits(index(content=copies), SPLITS, RULES)


def test_a_signal_twice_in_one_split_is_no_leak():
    assert check_splits(index(content={1: 2**63}), SPLITS, RULES).shared_signals == 0


def test_a_protocol_that_shares_patients_has_them_counted():
    shared = index(patient={10: "anna", 20: "anna", 21: "bert"}, content={21: 2**63 + 4})
    facts = check_splits(shared, SPLITS, replace(RULES, shares_patients=True))
    assert (facts.shared_patients, facts.shared_signals) == (2, 1)
    assert facts.to_json()["shared_patients"] == 2


def test_a_patient_that_the_protocol_knows_of_passes_and_any_other_does_not():
    known = replace(RULES, shared_patients=("anna",))
    assert check_splits(index(patient={20: "anna"}), SPLITS, known).shared_patients == 1
    with pytest.raises(LeakageError, match="train and test: bert"):
        check_splits(
            index(patient={20: "anna", 5: "bert", 21: "bert"}), replace(SPLITS, validation=np.arange(0)), known
        )


def test_test_is_not_compared_where_validation_judges():
    judged = replace(RULES, judged_on="validation")
    splits = replace(SPLITS, test=SPLITS.validation)
    assert check_splits(index(), splits, judged).compared == ("train/validation",)
