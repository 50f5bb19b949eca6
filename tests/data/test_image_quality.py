import numpy as np
import pytest

from kerasmed.config.dataset import ImageExamples
from kerasmed.data.image_examples import image_spec, read_images
from kerasmed.data.image_quality import check_image, image_contract, image_faults
from kerasmed.data.records import ImageRecord
from kerasmed.errors import DataError
from kerasmed.spec import ExampleSpec
from tests.fakes.pictures import draw, write_picture

CONTRACT = image_contract(ImageExamples(height=64, width=64))


def record(pixels):
    return ImageRecord("a", pixels, 8 * pixels.itemsize, "L", 8, pixels.shape[::-1])


def test_a_picture_as_they_are_keeps_the_contract():
    assert image_faults(record(draw()), CONTRACT) == []
    assert image_faults(record(draw(bits=16)), CONTRACT) == []


WRONG = {
    "too small": (draw(12, 12), "12 x 12 pixels, at least 16 are wanted"),
    "a strip": (draw(200, 20), "one side is 10.0 times the other"),
    "no contrast": ((100 + draw() // 32).astype(np.uint8), "contrast"),
    "few values": ((draw() // 64 * 64).astype(np.uint8), " different values, at least 16"),
    "black": (np.where(draw() > 190, draw(), 0).astype(np.uint8), "% black, at most 95 %"),
    "white": (np.where(draw() < 25, draw(), 255).astype(np.uint8), "% white, at most 90 %"),
    "noise": (np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8), "noise or values that ran over"),
    "16 bits cut to 8": ((draw(bits=16).astype(np.uint32) & 255).astype(np.uint8), "noise or values that ran over"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_radiograph_is_refused_with_the_limit_it_breaks(what):
    pixels, reason = WRONG[what]
    assert any(reason in fault for fault in image_faults(record(pixels), CONTRACT))
    with pytest.raises(DataError, match=r"^a: is not what the model reads: "):
        check_image(record(pixels), CONTRACT)


def test_training_and_prediction_read_by_the_contract(tmp_path):
    path = write_picture(tmp_path / "a.png", draw(200, 20))
    with pytest.raises(DataError, match=r"one side is 10\.0 times the other"):
        read_images(path, "a", ImageExamples())


def test_a_spec_of_pictures_keeps_its_contract_as_json():
    spec = image_spec(ImageExamples(bits=16), ("a", "b"))
    assert ExampleSpec.from_json(spec.to_json()) == spec
    assert spec.image_contract.bits == 16


def test_a_spec_without_pictures_is_written_as_before():
    spec = ExampleSpec({}, {})
    assert "image_contract" not in spec.to_json()
    assert ExampleSpec.from_json(spec.to_json()) == spec
