"""Training on random crops, judging by all windows."""

import numpy as np
import pytest

from kerasmed.config.run import Crops
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.twelve_leads import CROPS, twelve_lead_arrays, twelve_lead_config, twelve_lead_spec, twelve_lead_stream
from tests.training.test_fit import HELD_OUT, digest
from tests.training.test_resume import Asked, untimed

pytestmark = pytest.mark.usefixtures("backend")
LONG = ExampleSpec(
    {"fast": ArraySpec((40, 2), "float32", rate_hz=20.0), "slow": ArraySpec((20, 1), "float32", rate_hz=10.0)},
    {"label": TargetSpec("multi_label", ("first", "second"))},
)


class FirstSamples:
    """Stands where a network would: answers the first sample of each signal, and remembers what it was given."""

    def __call__(self, inputs):
        from keras import ops

        self.given = {name: ops.convert_to_numpy(x) for name, x in inputs.items()}
        return {"label": ops.concatenate([inputs["fast"][:, 0, :1], inputs["slow"][:, 0]], axis=-1)}


@pytest.fixture
def clocks():
    """400 records whose every sample is its own index."""
    return {
        "fast": np.tile(np.arange(40, dtype=np.float32)[None, :, None], (400, 1, 2)),
        "slow": np.tile(np.arange(20, dtype=np.float32)[None, :, None], (400, 1, 1)),
    }


def cropping(seed=0):
    from kerasmed.runtime import seed_everything
    from kerasmed.training.crop import AnswerByCrops

    seed_everything(seed)
    return AnswerByCrops(FirstSamples(), LONG, Crops(length_s=0.5))


def trained(folder, config, stop_after=None):
    from kerasmed.data.dataset import Protocol
    from kerasmed.models.windows import build_network
    from kerasmed.runtime import seed_everything, use_precision
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows
    from kerasmed.workflows.judge import measure_logits

    seed_everything(config.seed)
    use_precision(config.trainer.precision)
    try:
        network = build_network(config, twelve_lead_spec())
        rows = ValidationRows(HELD_OUT, measure_logits(twelve_lead_spec(), Protocol("toy", "A toy.")))
        asked = None if stop_after is None else Asked(stop_after)
        return network, fit(network, twelve_lead_spec(), twelve_lead_stream(), rows, config, folder, asked)
    finally:
        use_precision("float32")


def test_crops_are_whole_and_start_anywhere_from_the_first_sample_to_the_last_window(clocks):
    layer = cropping()
    layer(clocks, training=True)
    given = layer.network.given["fast"]
    assert given.shape == (400, 10, 2)
    np.testing.assert_array_equal(given - given[:, :1], np.tile(np.arange(10.0)[None, :, None], (400, 1, 2)))
    assert set(given[:, 0, 0]) == set(range(31))


def test_every_signal_of_a_record_is_cropped_at_the_same_time(clocks):
    layer = cropping()
    layer(clocks, training=True)
    fast, slow = (layer.network.given[name][:, 0, 0] for name in ("fast", "slow"))
    assert np.abs(fast / 20 - slow / 10).max() <= 0.1


def test_crops_are_drawn_anew_each_time_by_the_seed(clocks):
    firsts = []
    for seed in (1, 1, 2):
        layer = cropping(seed)
        for _ in range(2):
            layer(clocks, training=True)
            firsts.append(layer.network.given["fast"][:, 0, 0])
    assert not np.array_equal(firsts[0], firsts[1])
    np.testing.assert_array_equal(firsts[:2], firsts[2:4])
    assert not np.array_equal(firsts[0], firsts[4])


def test_outside_training_every_window_is_read_and_the_highest_answer_taken(clocks):
    from keras import ops

    layer = cropping()
    answer = ops.convert_to_numpy(layer(clocks)["label"])
    assert layer.network.given["fast"][:7, 0, 0].tolist() == [0, 5, 10, 15, 20, 25, 30]
    np.testing.assert_array_equal(answer, np.tile([30.0, 15.0], (400, 1)))


def test_a_network_learns_from_crops_and_is_validated_as_the_whole_model_answers(tmp_path):
    from kerasmed.evaluation.classification import measure_epoch
    from kerasmed.evaluation.scaling import probabilities
    from kerasmed.models.windows import whole_model

    network, history = trained(tmp_path, twelve_lead_config(epochs=5, keep="last"))
    inputs, labels = twelve_lead_arrays(256)
    held_out = {"signal": inputs["signal"][HELD_OUT] * np.float32(1e-3), "age": inputs["age"][HELD_OUT]}
    spec = twelve_lead_spec()
    logits = whole_model(network, spec, CROPS).predict(held_out, verbose=0)["label"]
    measured = measure_epoch(probabilities(logits, spec.target), labels[HELD_OUT], spec.target, ())
    assert history.rows[-1]["val_macro_auc"] == pytest.approx(measured["macro_auc"], abs=1e-6)
    assert measured["macro_auc"] > 0.9


def test_crops_cycle_weights_and_augmentation_go_on_to_the_same_bits(tmp_path):
    config = twelve_lead_config(epochs=3, save_every="2steps")
    straight, history = trained(tmp_path / "straight", config)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", config, 9)
    resumed, again = trained(tmp_path / "broken", config)
    assert digest(resumed) == digest(straight)
    assert untimed(again.rows) == untimed(history.rows)
