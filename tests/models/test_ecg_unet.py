import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.data.page_examples import page_spec
from kerasmed.errors import ConfigError
from tests.fakes.ecg_pages import CROPS
from tests.fakes.toy import SMALL_MODELS, toy_spec

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture(scope="module")
def model(backend):
    return build(SMALL_MODELS["ecg_unet"], page_spec(CROPS))


def ask(model, height, width, row):
    image = np.random.default_rng(0).random((1, height, width, 3)).astype(np.float32)
    return model.predict({"image": image, "row": np.array([row], np.float32)}, verbose=0)


@pytest.mark.parametrize(("height", "width"), [(32, 64), (48, 16)])
def test_maps_have_the_size_of_whatever_page_is_read(model, height, width):
    shapes = {name: values.shape[1:] for name, values in ask(model, height, width, (9, 0)).items()}
    assert shapes == {
        "seg": (height, width, 1), "grid": (height, width, 2), "baseline": (height, width, 1),
        "theta": (1,), "signal": (height, width),
    }  # fmt: skip


def test_only_the_strips_trace_depends_on_which_strip_is_asked_for(model):
    high, low = ask(model, 32, 64, (4, 0)), ask(model, 32, 64, (26, 0.1))
    for name in ("seg", "grid", "baseline", "theta"):
        np.testing.assert_array_equal(high[name], low[name])
    assert np.abs(high["signal"] - low["signal"]).max() > 1e-4


def test_distances_are_from_the_line_of_the_strip(backend):
    from keras import ops

    from kerasmed.models.ecg_unet import NEAR_PX, StripDistance

    for stride, height in ((1, 8), (4, 2)):
        features = np.zeros((1, height, 3, 5), np.float32)
        found = ops.convert_to_numpy(StripDistance(stride)([features, np.array([[2.0, 0.5]], np.float32)]))
        down = (np.arange(height)[:, None] + 0.5) * stride - 0.5
        right = (np.arange(3) + 0.5) * stride - 0.5
        np.testing.assert_allclose(np.arctanh(found[0, ..., 0]) * NEAR_PX, down - 2.0 - 0.5 * right, atol=1e-3)


def test_examples_with_classes_are_refused():
    with pytest.raises(ConfigError, match="ecg_unet answers with maps of pages"):
        build(SMALL_MODELS["ecg_unet"], toy_spec())
