"""Every entry of MODELS, unasked: a new network meets these tests by being listed."""

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.model import MODELS
from tests.fakes.toy import SMALL_MODELS, toy_arrays, toy_spec

pytestmark = pytest.mark.usefixtures("backend")


def physical(num_examples=4):
    inputs, _ = toy_arrays(num_examples)
    return {"signal": inputs["signal"].astype(np.float32) * 1e-3, "rr": inputs["rr"]}


def test_every_listed_model_has_a_small_form_to_test() -> None:
    assert set(SMALL_MODELS) == set(MODELS)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_maps_the_inputs_of_the_spec_to_logits_by_target_name(kind):
    model = build(SMALL_MODELS[kind], toy_spec())
    assert set(model.input) == {"signal", "rr"}
    logits = model.predict(physical(), verbose=0)
    assert {name: values.shape for name, values in logits.items()} == {"label": (4, 3)}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_needs_no_features_and_answers_several_targets(kind):
    from dataclasses import replace

    from kerasmed.spec import TargetSpec

    spec = toy_spec()
    several = {"rhythm": TargetSpec("single_label", ("a", "b")), "findings": TargetSpec("multi_label", tuple("wxyz"))}
    model = build(SMALL_MODELS[kind], replace(spec, inputs={"signal": spec.inputs["signal"]}, targets=several))
    logits = model.predict({"signal": physical()["signal"]}, verbose=0)
    assert {name: values.shape[1] for name, values in logits.items()} == {"rhythm": 2, "findings": 4}


@pytest.mark.parametrize("kind", MODELS)
def test_mixed_precision_keeps_float32_logits_and_weights(kind):
    from kerasmed.runtime import use_precision

    use_precision("mixed_bfloat16")
    try:
        model = build(SMALL_MODELS[kind], toy_spec())
    finally:
        use_precision("float32")
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert str(model.predict(physical(), verbose=0)["label"].dtype) == "float32"


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_saves_and_reloads_equal(kind, tmp_path):
    import keras

    model = build(SMALL_MODELS[kind], toy_spec())
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(physical(), verbose=0)["label"], again.predict(physical(), verbose=0)["label"]
    )


@pytest.mark.parametrize("kind", MODELS)
def test_every_dropout_has_a_seed_of_its_own(kind):
    from keras import layers

    model = build(SMALL_MODELS[kind], toy_spec())
    drops = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert drops
    assert all(isinstance(layer.seed, int) for layer in drops)
