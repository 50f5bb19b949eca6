"""What the networks for pictures promise besides the contract of every model."""

import numpy as np
import pytest
from pydantic import ValidationError

from kerasmed.build import build
from kerasmed.config.dataset import ImageExamples
from kerasmed.config.model import MODELS, CustomCnn
from kerasmed.config.pictures import DenseNet121, EfficientNetB0, ResNet50, Vgg16
from kerasmed.data.image_examples import image_spec, pixels_of, read_images
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.pictures import draw, write_dicom
from tests.fakes.toy import IMAGE_MODELS, SMALL_MODELS

pytestmark = pytest.mark.usefixtures("backend")
PICTURES = sorted(IMAGE_MODELS)


def spec_of(side, channels=1):
    image = ArraySpec((side, side, channels), "uint8", 1 / 255)
    return ExampleSpec({"image": image}, {"label": TargetSpec("single_label", ("a", "b"))})


@pytest.mark.parametrize("kind", sorted(IMAGE_MODELS - {"custom_cnn"}))
def test_pictures_that_are_too_small_are_refused_with_the_size_that_is_not(kind):
    with pytest.raises(ConfigError, match=r"halves a picture 5 times, and 28 pixels are too few: .* of at least 32"):
        build(MODELS[kind](), spec_of(28))


def test_a_picture_in_colour_is_refused():
    with pytest.raises(ConfigError, match="reads grey pictures of one channel, not of 3"):
        build(SMALL_MODELS["vgg16"], spec_of(32, channels=3))


@pytest.mark.parametrize("kind", PICTURES)
def test_monochrome_1_and_2_of_a_picture_get_the_same_answer(kind, tmp_path):
    settings = ImageExamples(height=32, width=32)
    model = build(SMALL_MODELS[kind], image_spec(settings, ("a", "b")))
    plain = write_dicom(tmp_path / "2.dcm", draw(60, 50))
    turned = write_dicom(tmp_path / "1.dcm", 255 - draw(60, 50), PhotometricInterpretation="MONOCHROME1")
    answers = [
        model.predict({"image": pixels_of(read_images(path, "p", settings), settings) / np.float32(255)}, verbose=0)
        for path in (plain, turned)
    ]
    np.testing.assert_allclose(answers[0]["label"], answers[1]["label"], atol=1e-6)


def test_a_standardised_picture_tells_neither_brightness_nor_contrast():
    small = SMALL_MODELS["custom_cnn"].model_copy(update={"standardise": True})
    picture = np.random.default_rng(0).uniform(0.2, 0.6, (2, 16, 16, 1)).astype(np.float32)
    model = build(small, spec_of(16))
    first, other = (model.predict({"image": x}, verbose=0)["label"] for x in (picture, 0.7 * picture + 0.25))
    np.testing.assert_allclose(other, first, atol=1e-4)
    plain = build(SMALL_MODELS["custom_cnn"], spec_of(16))
    first, other = (plain.predict({"image": x}, verbose=0)["label"] for x in (picture, 0.7 * picture + 0.25))
    assert np.abs(other - first).max() > 1e-4


def test_batch_normalisation_makes_of_vgg16_another_network():
    config = SMALL_MODELS["vgg16"].model_copy(update={"batch_norm": True})
    names = [layer.name for layer in build(config, spec_of(16)).layers]
    assert "encoder_00_block1_conv1_bn" in names


@pytest.mark.parametrize("kind", PICTURES)
def test_every_layer_below_the_mean_belongs_to_a_stage(kind):
    """So that what is frozen, handed over or slowed down is all of it."""
    from keras import layers

    from kerasmed.training.layer_rates import depth_of

    model = build(SMALL_MODELS[kind], spec_of(16))
    made = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    mean = next(place for place, layer in enumerate(made) if layer.name.startswith("global_average_pooling2d"))
    outside = [layer.name for layer in made[:mean] if depth_of(layer.name) is None]
    assert set(outside) <= {"three_channels", "as_imagenet", "standardised"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (lambda: CustomCnn(weights="imagenet"), "there are no ImageNet weights of custom_cnn"),
        (lambda: Vgg16(weights="imagenet", batch_norm=True), "write batch_norm=false"),
        (lambda: Vgg16(widths=(8,)), "has 1 widths but convolutions of 5 stages"),
        (lambda: ResNet50(stage_blocks=(1,)), "has 4 stage_widths but stage_blocks of 1 stages"),
        (lambda: EfficientNetB0(stage_blocks=(1,)), "has 7 stage_widths"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, reason):
    with pytest.raises(ValidationError, match=reason):
        settings()


def test_none_is_no_weights():
    assert DenseNet121(weights="none").weights is None
