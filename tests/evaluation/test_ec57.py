import numpy as np
import pytest

from kerasmed.evaluation.ec57 import applies, measure_ectopic

CLASSES = ("N", "S", "V", "F", "Q")


def test_ectopic_beats_are_counted_as_in_ec57(confusion) -> None:
    by_hand = {
        "veb_sensitivity": 7 / 10,
        "veb_ppv": 7 / (7 + 3 + 2),  # 4 F and 1 Q called V are no false alarms
        "veb_fpr": 5 / (5 + 100),
        "sveb_sensitivity": 6 / 10,
        "sveb_ppv": 6 / (6 + 5 + 1 + 0),  # 1 Q called S is no false alarm
        "sveb_fpr": 6 / (6 + 103),
    }
    assert measure_ectopic(confusion, CLASSES) == pytest.approx(by_hand)


def test_a_ventricular_beat_called_fusion_is_missed() -> None:
    confusion = np.zeros((5, 5))
    confusion[2, 2], confusion[2, 3] = 1, 3
    assert measure_ectopic(confusion, CLASSES)["veb_sensitivity"] == 0.25


def test_the_order_of_the_classes_does_not_matter(confusion) -> None:
    order = [4, 2, 0, 3, 1]
    shuffled = confusion[np.ix_(order, order)]
    assert measure_ectopic(shuffled, tuple(CLASSES[place] for place in order)) == measure_ectopic(confusion, CLASSES)


def test_only_classes_of_beats_have_ectopic_beats() -> None:
    assert applies(("N", "S", "V"))
    assert not applies(("NORM", "MI", "STTC"))
