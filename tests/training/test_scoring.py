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


def test_the_answers_to_a_batch_are_waited_for_before_the_next_but_one_is_read(monkeypatch):
    """Jax would take up to 32 batches, and hold them, before it answers the first."""
    import keras

    from kerasmed.training.scoring import score

    signal = keras.Input((4,), dtype="int16", name="signal")
    mean = keras.ops.mean(keras.ops.cast(signal, "float32"), axis=1, keepdims=True)
    trainee = keras.Model({"signal": signal}, {"label": mean})
    told, waited = [], keras.ops.convert_to_numpy
    monkeypatch.setattr(keras.ops, "convert_to_numpy", lambda value: told.append("answered") or waited(value))

    class Told:
        def __getitem__(self, rows):
            told.append("read")
            return np.ones((16, 4), np.int16)[rows]

    score(trainee, {"signal": Told()}, np.arange(16), 2)
    reads = [place for place, what in enumerate(told) if what == "read"]
    answered_before_last = told[: reads[-1]].count("answered")
    assert len(reads) >= 8
    assert answered_before_last >= len(reads) - 4
