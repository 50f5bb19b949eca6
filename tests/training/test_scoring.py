"""Rows are scored in few batches of few shapes, and every row gets its own score."""

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Augmentation
from tests.fakes.toy import SMALL_MODELS, toy_arrays, toy_spec
from tests.fakes.twelve_leads import CROPS, twelve_lead_config, twelve_lead_spec, twelve_lead_stream

pytestmark = pytest.mark.usefixtures("backend")


class Reads:
    """A network, and how many rows it was asked to read at once."""

    def __init__(self, network) -> None:
        self.network, self.sizes = network, []

    def predict(self, batches, **words):
        batches = list(batches)
        self.sizes = [len(batch["signal"]) for (batch,) in batches]
        return self.network.predict((batch for batch in batches), **words)


@pytest.mark.parametrize(("num_rows", "batch_size", "sizes"), [(5, 512, [8]), (64, 512, [64]), (40, 16, [16, 16, 16])])
def test_few_rows_are_scored_in_a_batch_little_larger_than_they_are(num_rows, batch_size, sizes):
    from kerasmed.training.front import build_trainee
    from kerasmed.training.scoring import score

    spec = toy_spec()
    inputs, _ = toy_arrays(200)
    rows = np.arange(100, 100 + num_rows)
    reads = Reads(build_trainee(build(SMALL_MODELS["se_resnet1d"], spec), spec, Augmentation()))
    found = score(reads, inputs, rows, batch_size)["label"]
    assert reads.sizes == sizes
    alone = np.concatenate([score(reads, inputs, rows[place : place + 1], 1)["label"] for place in range(num_rows)])
    np.testing.assert_allclose(found, alone, atol=1e-5)


@pytest.mark.parametrize(("batch_size", "sizes"), [(16, [4, 4, 4]), (3, [1] * 10), (512, [16])])
def test_no_more_windows_are_validated_at_once_than_the_batch_size_says(batch_size, sizes):
    from kerasmed.data.loaders.watch import Watch
    from kerasmed.models.windows import build_network, whole_model
    from kerasmed.training.front import build_trainee
    from kerasmed.training.scoring import ValidationRows, build_validation

    config = twelve_lead_config()
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"batch_size": batch_size})})
    spec = twelve_lead_spec()
    model = whole_model(build_network(config, spec), spec, CROPS)  # four windows
    reads = Reads(build_trainee(model, spec, Augmentation()))
    rows = ValidationRows(np.arange(10), lambda logits, targets: {"rows": float(len(logits["label"]))})
    with Watch(60.0) as watch:
        found = build_validation(reads, spec, twelve_lead_stream(), rows, config, watch)()
    assert (reads.sizes, found["rows"]) == (sizes, 10.0)


def test_rows_are_read_no_faster_than_they_are_answered():
    import time

    import keras

    from kerasmed.training.scoring import score

    signal = keras.Input((1024, 64), dtype="int16", name="signal")
    slow = keras.layers.Dense(2048)(keras.ops.cast(signal, "float32"))
    trainee = keras.Model({"signal": signal}, {"label": keras.ops.mean(slow, axis=(1, 2))[:, None]})
    values, moments = np.ones((16, 1024, 64), np.int16), []

    class Timed:
        def __getitem__(self, rows):
            moments.append(time.perf_counter())
            return values[rows]

    score(trainee, {"signal": values}, np.arange(16), 2)  # compiles
    start = time.perf_counter()
    score(trainee, {"signal": Timed()}, np.arange(16), 2)
    took = time.perf_counter() - start
    assert len(moments) >= 8
    assert moments[-1] - start > 0.4 * took  # jax would read all of them at once, and hold them
