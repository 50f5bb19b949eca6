"""Every network of the house, and the kinds of layers that later ones bring, through the whole route. Minutes long."""

import importlib
from pathlib import Path

import pytest

from kerasmed.build import build
from kerasmed.export.publish import export_run_model
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.networks import hard_network, hard_spec, write_custom_layer
from tests.fakes.toy import SMALL_MODELS, toy_spec

pytestmark = pytest.mark.slow

SERIES = ArraySpec((64, 12), "int16", 1e-3, "mV", 100.0)
IMAGE = ArraySpec((64, 64, 1), "uint8", 1 / 255)
VOLUME = ArraySpec((8, 16, 16, 1), "uint8", 1 / 255)


def transformer(inputs):
    from keras import layers

    x = layers.Conv1D(16, 4, 4)(inputs)
    attended = layers.MultiHeadAttention(2, 8)(layers.LayerNormalization()(x), x)
    x = layers.Add()([x, attended])
    return layers.GlobalAveragePooling1D()(layers.Dense(16, activation="gelu")(x))


def recurrent(inputs):
    from keras import layers

    return layers.LSTM(4)(layers.Bidirectional(layers.LSTM(6, return_sequences=True))(inputs))


def volumetric(inputs):
    from keras import layers

    x = layers.MaxPooling3D(2)(layers.Conv3D(4, 3, activation="relu", padding="same")(inputs))
    return layers.GlobalAveragePooling3D()(layers.GroupNormalization(2)(x))


def up_and_down(inputs):
    from keras import layers

    down = layers.Conv2D(4, 3, 2, padding="same", activation="silu")(inputs)
    up = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2DTranspose(4, 3, 2, padding="same")(down))
    return layers.GlobalMaxPooling2D()(up)


def efficient(inputs):
    import keras

    backbone = keras.applications.EfficientNetB0(False, weights=None, input_shape=IMAGE.shape, pooling="avg")
    return backbone(inputs * 255.0)


KINDS = {
    "transformer": (SERIES, transformer),
    "recurrent": (SERIES, recurrent),
    "volumetric": (VOLUME, volumetric),
    "up_and_down": (IMAGE, up_and_down),
    "efficient": (IMAGE, efficient),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_layer_is_exported_with_parity(kind: str, backend: str, tmp_path: Path) -> None:
    import keras

    array, features = KINDS[kind]
    spec = ExampleSpec({"x": array}, {"finding": TargetSpec("multi_label", ("a", "b"))})
    x = keras.Input(array.shape, name="x")
    model = keras.Model({"x": x}, {"finding": keras.layers.Dense(2)(features(x))})
    assert export_run_model(model, spec, ["saved_model", "onnx"], tmp_path, kind, {}).name == "1"


@pytest.mark.parametrize("kind", SMALL_MODELS)
def test_every_network_is_exported_with_parity(kind: str, backend: str, tmp_path: Path) -> None:
    model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    assert export_run_model(model, toy_spec(kind=kind), ["saved_model", "onnx"], tmp_path, kind, {}).name == "1"


@pytest.mark.parametrize("module", ["ai_edge_litert", "torch"])
def test_a_network_with_a_layer_of_its_own_goes_through_the_other_children_too(
    module: str, one_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(module)
    write_custom_layer(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    network = hard_network(importlib.import_module("gain_layer").Gain())
    formats = ["litert"] if module == "ai_edge_litert" else ["torch", "torchscript"]
    assert export_run_model(network, hard_spec(), formats, tmp_path / "saved", "hard", {}).name == "1"
