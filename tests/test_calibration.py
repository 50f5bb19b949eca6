"""What a thresholds.json may hold, and what is refused."""

import copy

import numpy as np
import pytest

from kerasmed.calibration import Calibration, calibrations_from_json, calibrations_to_json
from kerasmed.errors import ContractError
from kerasmed.spec import ExampleSpec, TargetSpec

BEATS = TargetSpec("single_label", ("N", "V"))
SPEC = ExampleSpec({}, {"label": BEATS})
CALIBRATION = Calibration(BEATS, "platt", (0.5, 2.0), (0.0, 1.0), (0.4, 0.2), "highest", 0.9, (0.7,))
TREE = calibrations_to_json({"label": CALIBRATION}, "a" * 64)


def test_what_was_written_comes_back() -> None:
    assert calibrations_from_json(TREE, SPEC, "x") == {"label": CALIBRATION}


def test_logits_are_scaled_and_shifted_class_by_class() -> None:
    assert CALIBRATION.scaled(np.array([[2.0, 3.0]], np.float32)).tolist() == [[1.0, 7.0]]


def test_of_another_model_it_is_refused() -> None:
    other = ExampleSpec({}, {"label": TargetSpec("single_label", ("N", "S"))})
    with pytest.raises(ContractError, match=r"^x: is of a model with other classes \(label\)"):
        calibrations_from_json(TREE, other, "x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", [1.0]),
        ("scale", [1.0, float("nan")]),
        ("offset", ["a", "b"]),
        ("thresholds", [0.0, 0.5]),
        ("thresholds", None),
        ("quantiles", []),
        ("decide", "chance"),
        ("coverage", 1.0),
        ("target", {}),
    ],
)
def test_a_damaged_field_is_refused(field: str, value: object) -> None:
    tree = copy.deepcopy(TREE)
    tree["targets"]["label"][field] = value
    with pytest.raises(ContractError, match="x: is no calibration of this version"):
        calibrations_from_json(tree, SPEC, "x")


@pytest.mark.parametrize("tree", [{}, {"format": 2, "targets": {}}, {"format": 1, "targets": [1]}])
def test_another_layout_is_refused(tree: dict) -> None:
    with pytest.raises(ContractError, match="x: is no calibration of this version"):
        calibrations_from_json(tree, SPEC, "x")
