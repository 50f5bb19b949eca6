"""An encoder starts from files: those of keras.applications, those of keras, and no others."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.model import MODELS
from kerasmed.errors import OtherModelError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.toy import SMALL_MODELS, toy_spec
from tests.fakes.weight_files import write_listed

pytestmark = pytest.mark.usefixtures("backend")
# As docs/images.md tells them.
PARAMETERS = {"efficientnet_b0": 4_052_126, "resnet50": 23_591_810, "densenet121": 7_039_554, "vgg16": 14_715_714}
PICTURES = [*PARAMETERS]
SIDE = 32
SPEC = ExampleSpec(
    {"image": ArraySpec((SIDE, SIDE, 1), "uint8", 1 / 255)}, {"label": TargetSpec("single_label", ("a", "b"))}
)


def disturbed(model):
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape).astype(np.float32) for weight in model.weights])
    return model


def encoder_of(model):
    return {weight.path: np.asarray(weight) for weight in model.weights if weight.path.startswith("encoder")}


def require_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for path, values in ours.items():
        np.testing.assert_array_equal(values, theirs[path])


@pytest.mark.parametrize("kind", [*PICTURES, "custom_cnn"])
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_the_encoder_of_a_file_of_keras_is_taken_over_and_the_head_is_not(kind, suffix, tmp_path):
    from kerasmed.training.weight_files import start_from_file

    donor = disturbed(build(SMALL_MODELS[kind], toy_spec(kind=kind)))
    path, config = tmp_path / f"donor{suffix}", None
    if suffix == ".keras":
        donor.save(path)
        with zipfile.ZipFile(path) as archive:
            content, config = archive.read("model.weights.h5"), json.loads(archive.read("config.json"))
    else:
        donor.save_weights(path)
        content = path.read_bytes()
    two = replace(toy_spec(kind=kind), targets={"label": TargetSpec("single_label", ("a", "b"))})
    model = build(SMALL_MODELS[kind], two)
    assert start_from_file(model, path.name, content, config) == len(encoder_of(model))
    require_equal(encoder_of(model), encoder_of(donor))


def applications(kind, backend):
    import keras

    if backend != "torch":
        pytest.skip("jax takes a minute to draw its weights; the graph is the same on every backend")
    donor = getattr(keras.applications, MODELS[kind].imagenet)
    return disturbed(donor(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3)))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_network_is_that_of_keras_applications_to_the_weight_and_to_the_answer(kind, backend, tmp_path):
    """Its file as keras writes it now and as it wrote it then; the answer to a picture scaled as the family is."""
    import keras

    from kerasmed.training.weight_files import start_from_file

    donor = applications(kind, backend)
    rng = np.random.default_rng(0)
    for weight in donor.weights:  # near what keeps values in range
        spread = 1 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        ones = "variance" in weight.path or "gamma" in weight.path
        weight.assign(rng.uniform(0.8, 1.2, weight.shape) if ones else rng.normal(0, spread, weight.shape))
    layers = [(layer.name, layer.get_weights()) for layer in donor.layers]
    for layer in donor.layers:
        if layer.name.startswith("normalization"):  # its constants are part of the scaling, here and there
            layer.set_weights([np.zeros(3), np.ones(3), np.zeros((), np.int64)])
    model = build(MODELS[kind](), SPEC)
    assert model.count_params() == PARAMETERS[kind]
    listed = write_listed(tmp_path / "notop.h5", layers).read_bytes()
    assert start_from_file(model, "notop.h5", listed) == len(encoder_of(model))
    first = encoder_of(model)
    donor.save_weights(tmp_path / "notop.weights.h5")
    start_from_file(model, "notop.weights.h5", (tmp_path / "notop.weights.h5").read_bytes())
    require_equal(encoder_of(model), first)
    picture = rng.uniform(0, 1, (2, SIDE, SIDE, 1)).astype(np.float32)
    features = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)][-1].output
    ours = keras.Model(model.input, features).predict({"image": picture}, verbose=0)
    theirs = donor.predict(scaled(kind, np.repeat(picture, 3, axis=-1)), verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())


def scaled(kind, rgb):
    from keras.applications import densenet, resnet, vgg16

    if kind == "efficientnet_b0":  # what its Normalization does with ImageNet's constants
        return (255 * (rgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32)
    family = {"densenet121": densenet, "resnet50": resnet, "vgg16": vgg16}[kind]
    return family.preprocess_input(255 * rgb.copy())


def test_a_file_of_another_network_is_refused_with_the_layer_that_differs(tmp_path):
    from kerasmed.training.weight_files import start_from_file

    path = write_listed(tmp_path / "other.h5", [("conv", [np.zeros((3, 3, 3, 9))])])
    model = build(SMALL_MODELS["vgg16"], toy_spec(kind="vgg16"))
    with pytest.raises(OtherModelError, match=r"other.h5: has another encoder: encoder_00_block1_conv1 has \[\(3, 3"):
        start_from_file(model, path.name, path.read_bytes())


@pytest.mark.parametrize("kind", PICTURES)
def test_imagenet_weights_that_cannot_be_had_are_told_with_the_place_where_they_go(kind, tmp_path, monkeypatch):
    import keras

    from kerasmed.errors import DataError
    from kerasmed.training.imagenet_files import imagenet_file

    def unreachable(*words, **options):
        raise Exception("URL fetch failure on there: None -- Name or service not known")  # noqa: TRY002, as keras does

    monkeypatch.setattr(keras.utils, "get_file", unreachable)
    with pytest.raises(DataError, match=r"notop\.h5: ImageNet's weights of .* Bring https://.* to .*imagenet/"):
        imagenet_file(MODELS[kind].imagenet, tmp_path)


def test_imagenet_weights_that_lie_in_their_place_are_not_downloaded(tmp_path, monkeypatch):
    import hashlib

    from kerasmed.training import imagenet_files

    content = b"weights"
    address = imagenet_files.FILES["VGG16"][0]
    monkeypatch.setitem(imagenet_files.FILES, "VGG16", (address, hashlib.md5(content).hexdigest()))  # noqa: S324
    place = tmp_path / "imagenet" / address.rpartition("/")[2]
    place.parent.mkdir()
    place.write_bytes(content)
    assert imagenet_files.imagenet_file("VGG16", tmp_path) == place
