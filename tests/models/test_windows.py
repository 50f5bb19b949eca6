"""A model of whole records around a network of windows."""

from dataclasses import replace

import numpy as np
import pytest

from kerasmed.config.load import load_run
from kerasmed.config.run import Crops
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec
from tests.fakes.toy import toy_spec
from tests.fakes.twelve_leads import CROPS, twelve_lead_arrays, twelve_lead_config, twelve_lead_spec

pytestmark = pytest.mark.usefixtures("backend")
PTBXL = replace(twelve_lead_spec(), inputs={"signal": ArraySpec((1000, 12), "int16", 1e-3, "mV", 100.0)})
LOGITS = np.array([[[2.0, -1.0], [0.5, 3.0], [-4.0, 0.0]], [[90.0, -90.0], [80.0, -95.0], [99.0, -80.0]]], np.float32)


def starts(**crops):
    from kerasmed.models.windows import cuts_of

    return cuts_of(PTBXL, Crops(**crops))["signal"].starts


def pooled(task, pool):
    from keras import ops

    from kerasmed.models.windows import pool_logits

    return ops.convert_to_numpy(pool_logits(ops.convert_to_tensor(LOGITS), task, pool)).astype(np.float64)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def softmax(logits):
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def network(backend):
    from kerasmed.models.windows import build_network
    from kerasmed.runtime import seed_everything

    seed_everything(0)
    return build_network(twelve_lead_config(), twelve_lead_spec())


@pytest.fixture(scope="module")
def physical():
    inputs, _ = twelve_lead_arrays(5)
    return {"signal": inputs["signal"].astype(np.float32) * 1e-3, "age": inputs["age"]}


def answers(model, inputs):
    return model.predict(inputs, verbose=0)["label"]


def test_the_windows_of_the_ptbxl_benchmark_are_seven():
    assert starts(length_s=2.5, stride_s=1.25) == (0, 125, 250, 375, 500, 625, 750)


def test_without_a_stride_windows_lie_half_over_each_other():
    assert starts(length_s=2.5) == starts(length_s=2.5, stride_s=1.25)


def test_what_is_left_at_the_end_gets_a_window_of_its_own():
    assert starts(length_s=4.0, stride_s=4.0) == (0, 400, 600)


def test_a_window_as_long_as_the_record_is_one():
    assert starts(length_s=10.0) == (0,)


@pytest.mark.parametrize("length_s", [0.5, 1.005, 2.5, 3.333])
@pytest.mark.parametrize("stride_s", [0.05, 0.333, 0.5])
def test_windows_read_every_sample(length_s, stride_s):
    from kerasmed.models.windows import cuts_of

    cut = cuts_of(PTBXL, Crops(length_s=length_s, stride_s=stride_s))["signal"]
    read = {place for start in cut.starts for place in range(start, start + cut.length)}
    assert read == set(range(1000))


@pytest.mark.parametrize(("crops", "batch_size", "expected"), [
    (Crops(length_s=2.5), 512, 73), (Crops(length_s=2.5), 6, 1), (Crops(), 512, 512),
])  # fmt: skip
def test_as_many_records_are_scored_together_as_their_windows_allow(crops, batch_size, expected):
    from kerasmed.models.windows import records_at_once

    config = load_run("ptbxl_superdiagnostic", [f"evaluation.batch_size={batch_size}"])
    assert records_at_once(config.model_copy(update={"crops": crops}), PTBXL) == expected


def test_crops_longer_than_the_record_are_refused():
    with pytest.raises(ConfigError, match=r"crops\.length_s=11: signal lasts 10 s"):
        starts(length_s=11.0)


def test_crops_without_a_signal_are_refused():
    from kerasmed.models.windows import cuts_of

    no_signal = replace(toy_spec(), inputs={"rr": toy_spec().inputs["rr"]})
    with pytest.raises(ConfigError, match="no input of this data set is a signal"):
        cuts_of(no_signal, Crops(length_s=0.1))


@pytest.mark.parametrize(("pool", "reduce"), [("max", np.max), ("mean", np.mean)])
def test_the_sigmoid_of_pooled_logits_is_the_pooled_probability(pool, reduce):
    assert sigmoid(pooled("multi_label", pool)) == pytest.approx(reduce(sigmoid(LOGITS), axis=1), rel=1e-5)


def test_the_mean_of_several_windows_stays_finite_and_exact_near_certainty():
    # The mean of 1 - p is ruled by the least certain window.
    assert pooled("multi_label", "mean")[1] == pytest.approx([80 + np.log(3), -80 - np.log(3)], rel=1e-5)


@pytest.mark.parametrize(("pool", "reduce"), [("max", np.max), ("mean", np.mean)])
def test_the_softmax_of_pooled_logits_is_the_pooled_chance_scaled_to_one(pool, reduce):
    expected = reduce(softmax(LOGITS), axis=1)
    assert softmax(pooled("single_label", pool)) == pytest.approx(expected / expected.sum(-1, keepdims=True), rel=1e-4)


@pytest.mark.parametrize(("pool", "reduce"), [("max", np.max), ("mean", np.mean)])
def test_a_whole_model_pools_what_the_network_says_of_each_window(network, physical, pool, reduce):
    from kerasmed.models.windows import whole_model

    whole = whole_model(network, twelve_lead_spec(), CROPS.model_copy(update={"pool": pool}))
    each = [
        answers(network, {**physical, "signal": physical["signal"][:, start : start + 32]}) for start in (0, 16, 32, 48)
    ]
    assert sigmoid(answers(whole, physical)) == pytest.approx(reduce(sigmoid(np.stack(each)), axis=0), rel=1e-4)


def test_a_whole_model_shares_the_weights_of_its_network(network):
    from kerasmed.models.windows import whole_model

    whole = whole_model(network, twelve_lead_spec(), CROPS)
    assert [id(weight) for weight in whole.weights] == [id(weight) for weight in network.weights]


def test_without_crops_the_network_is_the_model(network):
    from kerasmed.models.windows import whole_model

    assert whole_model(network, twelve_lead_spec(), Crops()) is network


def test_a_whole_model_comes_back_from_its_file_without_a_class_of_ours(network, physical, tmp_path):
    from kerasmed.export.keras_file import open_keras, packages_of, save_keras
    from kerasmed.models.windows import whole_model

    whole = whole_model(network, twelve_lead_spec(), CROPS)
    save_keras(whole, tmp_path / "whole.keras")
    again = open_keras(tmp_path / "whole.keras", trusted=())
    np.testing.assert_array_equal(answers(again, physical), answers(whole, physical))
    assert packages_of(whole) == set()


def test_the_serving_graph_of_a_mixed_precision_network_is_float32(physical):
    from kerasmed.export.serving import serving_model
    from kerasmed.models.windows import build_network, whole_model
    from kerasmed.runtime import use_precision

    use_precision("mixed_bfloat16")
    try:
        spec = twelve_lead_spec()
        whole = whole_model(build_network(twelve_lead_config(), spec), spec, CROPS)
        rough, exact = sigmoid(answers(whole, physical)), answers(serving_model(whole, spec), physical)
    finally:
        use_precision("float32")
    assert rough == pytest.approx(exact, abs=0.05)
    assert not np.array_equal(rough, exact)
