"""Every entry of MODELS, unasked: a new network meets these tests by being listed."""

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.model import MODELS
from tests.fakes.toy import CLASS_MODELS, SMALL_MODELS, main_input, toy_physical, toy_spec

pytestmark = pytest.mark.usefixtures("backend")


def test_every_listed_model_has_a_small_form_to_test() -> None:
    assert set(SMALL_MODELS) == set(MODELS)


@pytest.mark.parametrize("kind", CLASS_MODELS)
def test_a_model_maps_the_inputs_of_the_spec_to_logits_by_target_name(kind):
    model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    assert set(model.input) == {main_input(kind), "rr"}
    logits = model.predict(toy_physical(4, kind), verbose=0)
    assert {name: values.shape for name, values in logits.items()} == {"label": (4, 3)}


@pytest.mark.parametrize("kind", CLASS_MODELS)
def test_a_model_needs_no_features_and_answers_several_targets(kind):
    from dataclasses import replace

    from kerasmed.spec import TargetSpec

    spec, name = toy_spec(kind=kind), main_input(kind)
    several = {"rhythm": TargetSpec("single_label", ("a", "b")), "findings": TargetSpec("multi_label", tuple("wxyz"))}
    model = build(SMALL_MODELS[kind], replace(spec, inputs={name: spec.inputs[name]}, targets=several))
    logits = model.predict({name: toy_physical(4, kind)[name]}, verbose=0)
    assert {name: values.shape[1] for name, values in logits.items()} == {"rhythm": 2, "findings": 4}


@pytest.mark.parametrize("kind", MODELS)
def test_mixed_precision_keeps_float32_logits_and_weights(kind):
    from kerasmed.runtime import use_precision

    use_precision("mixed_bfloat16")
    try:
        model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    finally:
        use_precision("float32")
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    logits = model.predict(toy_physical(4, kind), verbose=0)
    assert {str(values.dtype) for values in logits.values()} == {"float32"}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_saves_and_reloads_equal(kind, tmp_path):
    import keras

    model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found, expected = (each.predict(toy_physical(4, kind), verbose=0) for each in (again, model))
    assert set(found) == set(toy_spec(kind=kind).targets)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("kind", MODELS)
def test_every_dropout_has_a_seed_of_its_own(kind):
    from keras import layers

    model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    drops = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert drops
    assert all(isinstance(layer.seed, int) for layer in drops)
