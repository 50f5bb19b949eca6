import json

import pytest

from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

BEATS = ExampleSpec(
    inputs={
        "signal": ArraySpec((162, 2), "int16", 1e-3, "mV", 180.0, ("MLII", "V1")),
        "rr": ArraySpec((3,), "float32", channels=("previous", "next", "local")),
    },
    targets={"label": TargetSpec("single_label", ("N", "S", "V"))},
    recipe={"kind": "beats", "leads": ["MLII", "V1"], "before_s": 0.4, "filter": {"low_hz": None}},
)
IMAGES = ExampleSpec(
    inputs={"image": ArraySpec((None, None, 3), "uint8", 1 / 255)},
    targets={
        "finding": TargetSpec("multi_label", ("effusion", "mass")),
        "view": TargetSpec("single_label", ("AP", "PA")),
    },
)


@pytest.mark.parametrize("spec", [BEATS, IMAGES], ids=["signals", "images of free size, two targets"])
def test_a_spec_survives_json_text(spec):
    assert ExampleSpec.from_json(json.loads(json.dumps(spec.to_json(), allow_nan=False))) == spec


def test_the_order_of_inputs_and_targets_survives():
    again = ExampleSpec.from_json(json.loads(json.dumps(IMAGES.to_json())))
    assert (list(again.targets), again.targets["finding"].classes) == (["finding", "view"], ("effusion", "mass"))
    assert list(ExampleSpec.from_json(BEATS.to_json()).inputs) == ["signal", "rr"]


def test_an_unknown_field_is_refused():
    tree = json.loads(json.dumps(BEATS.to_json()))
    tree["inputs"]["signal"]["colour"] = "red"
    with pytest.raises(TypeError, match="colour"):
        ExampleSpec.from_json(tree)


def test_the_target_is_the_only_one():
    assert BEATS.target is BEATS.targets["label"]
    with pytest.raises(ValueError, match="too many values"):
        IMAGES.target  # noqa: B018


def test_a_spec_cannot_be_changed():
    with pytest.raises(AttributeError):
        BEATS.inputs["signal"].scale = 1.0
