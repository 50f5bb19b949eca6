"""Grad-CAM on each backend: by hand, where it must point, and for every network that has a feature map."""

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Crops
from kerasmed.errors import ContractError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.toy import CLASS_MODELS, SMALL_MODELS, toy_physical, toy_spec

if TYPE_CHECKING:
    import keras

TARGET = {"label": TargetSpec("single_label", ("a", "b"))}
WITHOUT_MAP = frozenset({"heartbeit"})  # draws the signal, and reads the drawing


def signal_spec(num_samples: int) -> ExampleSpec:
    return ExampleSpec({"signal": ArraySpec((num_samples, 1), "float32", rate_hz=10.0, channels=("I",))}, TARGET)


def picture_spec(side: int) -> ExampleSpec:
    return ExampleSpec({"image": ArraySpec((side, side, 1), "float32", channels=("grey",))}, TARGET)


@pytest.fixture(scope="module")
def cam(backend: str) -> ModuleType:
    """The module, once keras may be loaded."""
    from kerasmed.models import grad_cam

    return grad_cam


def detector(spec: ExampleSpec) -> "keras.Model":
    """Class b where anything is bright, class a where anything is dark: one 1x1 convolution, mean, two logits."""
    import keras
    from keras import layers

    (name,) = spec.inputs
    shape = spec.inputs[name].shape
    source = keras.Input(shape, dtype="float32", name=name)
    convolve, pool = (
        (layers.Conv1D, layers.GlobalAveragePooling1D) if len(shape) == 2
        else (layers.Conv2D, layers.GlobalAveragePooling2D)
    )  # fmt: skip
    x = convolve(2, 1, use_bias=False, activation="relu", name="map")(source)
    model = keras.Model({name: source}, {"label": layers.Dense(2, use_bias=False, name="label")(pool()(x))})
    kernel = np.array([[-1.0, 1.0]], np.float32).reshape((1,) * (len(shape) - 1) + (1, 2))
    model.get_layer("map").set_weights([kernel])
    model.get_layer("label").set_weights([np.eye(2, dtype=np.float32)])
    return model


def test_a_gradient_by_hand(backend: str) -> None:
    import keras

    from kerasmed.models.gradient import gradient

    at = keras.ops.convert_to_tensor(np.array([1.0, -2.0, 3.0], np.float32))
    assert keras.ops.convert_to_numpy(gradient(lambda x: x * x, at)).tolist() == [2.0, -4.0, 6.0]


def test_a_map_by_hand(cam: ModuleType) -> None:
    """Channel b is the positive part, its weight 1/4 in the mean: the map is that part, scaled to 1."""
    signal = np.array([[0.5, -1.0, 2.0, 0.0]], np.float32)[..., None]
    spec = signal_spec(4)
    model = detector(spec)
    assert cam.grad_cam(model, spec, {"signal": signal}, np.array([1])).tolist() == [[0.25, 0.0, 1.0, 0.0]]
    assert cam.grad_cam(model, spec, {"signal": signal}, np.array([0])).tolist() == [[0.0, 1.0, 0.0, 0.0]]


def test_a_map_points_at_what_was_found_in_a_picture(cam: ModuleType) -> None:
    pictures = np.zeros((9, 12, 12, 1), np.float32)
    pictures[np.arange(9), np.arange(9), 7] = 1.0  # more than one batch of them
    spec = picture_spec(12)
    maps = cam.grad_cam(detector(spec), spec, {"image": pictures}, np.ones(9, np.int64))
    assert maps.shape == (9, 12, 12)
    assert [np.unravel_index(each.argmax(), each.shape) for each in maps] == [(row, 7) for row in range(9)]


def test_a_class_is_explained_against_the_others_and_a_label_alone(cam: ModuleType) -> None:
    three = ("a", "b", "c")
    assert cam.contrasts(TargetSpec("single_label", three))[1].tolist() == [-0.5, 1.0, -0.5]
    assert cam.contrasts(TargetSpec("multi_label", three))[1].tolist() == [0.0, 1.0, 0.0]


def test_what_does_not_speak_for_a_class_has_an_empty_map(cam: ModuleType) -> None:
    spec = signal_spec(4)
    assert not cam.grad_cam(detector(spec), spec, {"signal": np.ones((1, 4, 1), np.float32)}, np.array([0])).any()


@pytest.mark.parametrize("kind", sorted({*CLASS_MODELS} - WITHOUT_MAP))
def test_every_network_in_space_has_a_map_of_more_than_one_place(kind: str, cam: ModuleType) -> None:
    spec = toy_spec(kind=kind)
    split = cam.split_at_map(build(SMALL_MODELS[kind], spec), cam.main_input(spec), "label")
    found = split.before.output.shape
    assert len(found) == len(spec.inputs[cam.main_input(spec)].shape) + 1
    assert max(found[1:-1]) > 1


@pytest.mark.parametrize("kind", ["cnn_lstm", "custom_cnn"])
def test_signals_and_pictures_are_explained(kind: str, cam: ModuleType) -> None:
    spec = toy_spec(kind=kind)
    model, inputs = build(SMALL_MODELS[kind], spec), toy_physical(3, kind)
    maps = cam.grad_cam(model, spec, inputs, np.array([0, 1, 2]))
    assert maps.shape == inputs[cam.main_input(spec)].shape[:-1]
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert maps.max() == pytest.approx(1)


def test_the_two_halves_of_a_network_answer_like_the_whole(cam: ModuleType) -> None:
    from keras import ops

    spec, inputs = toy_spec(), toy_physical(3, "se_resnet1d")
    model = build(SMALL_MODELS["se_resnet1d"], spec)
    split = cam.split_at_map(model, "signal", "label")
    halves = split.after([split.before(inputs), *(ops.convert_to_tensor(inputs[name]) for name in split.names)])
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (halves, model(inputs)["label"])), rtol=1e-4, atol=1e-5)


def test_a_network_that_leaves_the_space_of_its_input_is_refused(cam: ModuleType) -> None:
    spec = toy_spec(kind="heartbeit")
    model = build(SMALL_MODELS["heartbeit"], spec)
    with pytest.raises(ContractError, match="heartbeit has no feature map"):
        cam.grad_cam(model, spec, toy_physical(1, "heartbeit"), np.array([0]))


def test_windows_are_explained_one_by_one_and_put_together(cam: ModuleType) -> None:
    from kerasmed.models.windows import whole_model, window_spec

    spec, crops = signal_spec(12), Crops(length_s=0.4, stride_s=0.2)
    model = whole_model(detector(window_spec(spec, crops)), spec, crops)
    signal = np.zeros((2, 12, 1), np.float32)
    signal[[0, 1], [5, 11]] = 1.0
    maps = cam.grad_cam(model, spec, {"signal": signal}, np.array([1, 1]), crops)
    assert maps.argmax(axis=1).tolist() == [5, 11]
    assert (maps > 0).sum() == 2


def test_resizing_keeps_the_middles_of_cells(cam: ModuleType) -> None:
    assert cam.resized(np.array([[0.0, 1.0]]), (4,)).tolist() == [[0.0, 0.25, 0.75, 1.0]]
    assert cam.resized(np.ones((1, 2, 3)), (5, 7)).tolist() == np.ones((1, 5, 7)).tolist()
