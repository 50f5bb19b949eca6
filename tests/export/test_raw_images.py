"""What a serving graph makes of a picture equals what `data/` makes of it, to a step of Pillow's rounding."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.dataset import ImageExamples
from kerasmed.data.image_examples import image_spec, pixels_of
from kerasmed.data.image_quality import image_contract
from kerasmed.data.image_quality import image_faults as faults_of
from kerasmed.data.records import ImageRecord
from kerasmed.export.raw.describe import IMAGE_FAULTS, describe, refusal
from kerasmed.export.raw.probe import expected_scores, probe
from tests.fakes.pictures import draw

CLASSES = ("NORMAL", "PNEUMONIA")
SETTINGS = {
    "smaller": ImageExamples(height=48, width=64),
    "larger": ImageExamples(height=96, width=80),
    "lanczos": ImageExamples(height=40, width=40, resize="lanczos"),
    "16 bits": ImageExamples(height=33, width=33, bits=16),
}


@pytest.fixture(scope="module")
def tf(backend: str):
    if backend != "tensorflow":
        pytest.skip("serving graphs are made on TensorFlow")
    import tensorflow

    return tensorflow


def picture(bits: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 2 ** (bits - 5), (90, 70))
    return np.minimum(draw(90, 70, bits).astype(np.int32) + noise, 2**bits - 1)


def as_read(values: np.ndarray, bits: int) -> ImageRecord:
    """The picture as a reader gives it: over the whole range of 8 or of 16 bits."""
    if bits == 8:
        return ImageRecord("p", values.astype(np.uint8), 8, "L", 8, values.shape[::-1])
    scaled = np.rint(values.astype(np.float32) * np.float32(65535 / (2**bits - 1))).astype(np.uint16)
    return ImageRecord("p", scaled, 16, "I;16", bits, values.shape[::-1])


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_example_is_that_of_training(tf, name, bits):
    from kerasmed.export.raw.images import example_of, full_scale

    settings, values = SETTINGS[name], picture(bits)
    expected = pixels_of([as_read(values, bits)], settings).astype(np.float64)
    white = 2**bits - 1
    for stored, inverted in ((values, False), (white - values, True)):
        scaled, full = full_scale(tf.constant(stored, tf.int32), tf.constant(white), tf.constant(inverted))
        found = example_of(scaled, full, settings).numpy() * (2**settings.bits - 1)
        step = 257 if (bits, settings.bits) == (8, 16) else 1
        off = np.abs(found - expected)
        assert off.max() <= 1.01 * step
        assert np.mean(off > 0.5 * step) < 0.1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p, None),
        (lambda p: p[:8, :8], "size"),
        (lambda p: np.repeat(p[:, :16], 1, axis=1), "aspect"),
        (lambda p: 100 + p // 64, "contrast"),
        (lambda p: p // 32 * 32, "levels"),
        (lambda p: np.where(np.arange(p.size).reshape(p.shape) % 50, 0, p), "black"),
        (lambda p: np.where(np.arange(p.size).reshape(p.shape) % 50, 255, p), "white"),
        (lambda p: np.random.default_rng(0).integers(0, 256, p.shape), "noise"),
    ],
)
def test_faults_of_a_picture_are_those_that_training_finds(tf, change, fault):
    from kerasmed.export.raw.images import full_scale, image_faults

    values = change(draw(90, 70).astype(np.int32))
    contract = image_contract(SETTINGS["smaller"])
    scaled, full = full_scale(tf.constant(values, tf.int32), tf.constant(255), tf.constant(False))
    found = {name for name, broken in image_faults(scaled, full, contract).items() if broken.numpy()}
    assert len(found) == len(faults_of(as_read(values, 8), contract))
    assert found == set() if fault is None else fault in found


def test_a_model_of_pictures_can_be_served_without_a_rate():
    spec = image_spec(SETTINGS["smaller"], CLASSES)
    assert refusal(spec, None) == ""
    told = describe(spec, {}, None)
    assert list(told["inputs"]) == ["pixels", "largest", "inverted"]
    assert told["faults"] == list(IMAGE_FAULTS)
    assert told["outputs"]["scores"]["shape"] == [1, 2]


def test_the_probe_is_a_picture_that_keeps_the_contract(one_backend):
    spec = image_spec(SETTINGS["smaller"], CLASSES)
    inputs = probe(spec, None)
    assert expected_scores(small_network(spec), spec, inputs).shape == (1, 2)
    assert faults_of(as_read(4095 - inputs["pixels"], 12), spec.image_contract) == []


def small_network(spec):
    import keras

    image = keras.Input(spec.inputs["image"].shape, name="image")
    x = keras.layers.Conv2D(4, 5, strides=4, activation="relu")(image)
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model({"image": image}, {"label": scores})


def test_onnxruntime_answers_for_both_kinds_of_monochrome_and_refuses_what_is_no_picture(tf, tmp_path: Path):
    import onnxruntime

    from kerasmed.export.publish import export_run_model

    spec = image_spec(SETTINGS["smaller"], CLASSES)
    folder = export_run_model(small_network(spec), spec, ["onnx"], tmp_path, "xray", {})
    assert json.loads((folder / "manifest.json").read_text())["serving"]["max_abs_difference"]["onnx"] < 1e-3
    session = onnxruntime.InferenceSession(folder / "model.serving.onnx", providers=["CPUExecutionProvider"])

    def ask(pixels, largest, inverted):
        given = {
            "pixels": pixels.astype(np.int32),
            "largest": np.array(largest, np.int32),
            "inverted": np.array(inverted),
        }
        return session.run(["scores", "labels", "faults"], given)

    values = picture(12)
    plain, turned = ask(values, 4095, False), ask(4095 - values, 4095, True)
    np.testing.assert_array_equal(plain[0], turned[0])
    assert np.isfinite(plain[0]).all()
    for pixels, largest, fault in ((values, 255, "values"), (values * 0, 4095, "contrast"), (values[:5], 4095, "size")):
        scores, labels, faults = ask(pixels, largest, False)
        assert fault in [name for name, faulty in zip(IMAGE_FAULTS, faults, strict=True) if faulty]
        assert np.isnan(scores).all()
        assert labels.tolist() == [-1]
