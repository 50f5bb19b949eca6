"""What the networks for 12 leads promise besides the contract of every model."""

from dataclasses import replace

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.load import load_preset
from kerasmed.config.transformers import EcgTransformer, Heartbeit, Heartbeit1D
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.toy import SMALL_MODELS, toy_spec

pytestmark = pytest.mark.usefixtures("backend")
LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
# As docs/models_of_ecg.md tells them.
PARAMETERS = {
    "se_resnet1d_18": 8_841_213,
    "cnn_lstm": 1_042_438,
    "resnet1d_wang": 476_421,
    "xresnet1d101": 1_899_653,
    "ecg_transformer": 2_715_653,
    "heartbeit_1d": 5_405_501,
    "heartbeit_small": 22_493_069,
    "heartbeit": 85_764_629,
}


def twelve_leads(num_samples=1000, rate_hz=100.0):
    classes = ("NORM", "MI", "STTC", "CD", "HYP")
    signal = ArraySpec((num_samples, 12), "int16", 1e-3, "mV", rate_hz, LEADS)
    return ExampleSpec({"signal": signal}, {"label": TargetSpec("multi_label", classes)})


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMETERS)
def test_a_preset_has_the_parameters_that_the_docs_tell(name):
    assert build(load_preset("model", name), twelve_leads()).count_params() == PARAMETERS[name]


@pytest.mark.parametrize("kind", ["xresnet1d", "ecg_transformer", "heartbeit", "heartbeit_1d"])
def test_a_network_takes_ten_seconds_of_twelve_leads_at_500_hz(kind):
    model = build(SMALL_MODELS[kind], twelve_leads(5000, 500.0))
    assert tuple(model.output["label"].shape) == (None, 5)


@pytest.mark.parametrize("config", [EcgTransformer(patch_s=0.9), Heartbeit1D(patch_s=0.9)])
def test_a_patch_longer_than_the_signal_is_refused(config):
    with pytest.raises(ConfigError, match=r"model.patch_s: 0.9 s are 115 samples at 128 Hz; an example has 48"):
        build(config, toy_spec())


def test_a_signal_without_a_rate_is_refused():
    spec = toy_spec()
    signal = replace(spec.inputs["signal"], rate_hz=None)
    with pytest.raises(ConfigError, match="no fixed rate and length"):
        build(SMALL_MODELS["heartbeit_1d"], replace(spec, inputs={"signal": signal}))


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ValueError, match="dim is a multiple of 2"):
        Heartbeit(dim=100, num_heads=12)


def test_equal_distances_on_a_grid_have_equal_numbers():
    from kerasmed.models.attention import distances_on

    found = distances_on((3, 4))
    assert found[0, 5] == found[6, 11]  # one down, one right
    assert len(np.unique(found)) == found.max() + 1 == 5 * 7


def test_attention_without_a_grid_does_not_know_the_order_of_tokens():
    from keras import ops

    from kerasmed.models.attention import SelfAttention

    tokens = np.random.default_rng(0).normal(size=(2, 6, 8)).astype(np.float32)
    layer = SelfAttention(2)
    forward, backward = (ops.convert_to_numpy(layer(x)) for x in (tokens, tokens[:, ::-1].copy()))
    np.testing.assert_allclose(forward, backward[:, ::-1], atol=1e-5)


def test_a_bias_by_distance_draws_attention_to_the_neighbour():
    from keras import ops

    from kerasmed.models.attention import SelfAttention, distances_on

    tokens = np.random.default_rng(0).normal(size=(1, 6, 8)).astype(np.float32)
    layer = SelfAttention(2, (6,))
    before = ops.convert_to_numpy(layer(tokens))
    table = np.zeros(layer.relative_bias.shape, np.float32)
    table[distances_on((6,))[0, 1]] = 50.0
    layer.relative_bias.assign(table)
    value = ops.convert_to_numpy(layer.out(layer.value(tokens)))
    after = ops.convert_to_numpy(layer(tokens))
    np.testing.assert_allclose(after[0, :5], value[0, 1:], atol=1e-4)
    assert np.abs(after - before).max() > 1e-3


def test_stochastic_depth_drops_whole_branches_in_training_alone():
    from keras import ops

    from kerasmed.models.blocks import dropout

    x = np.ones((64, 3, 4), np.float32)
    drop = dropout(0.5, (None, 1, 1))
    kept = ops.convert_to_numpy(drop(x, training=True)).reshape(64, -1)
    assert set(np.unique(kept).tolist()) == {0.0, 2.0}
    assert np.all(kept == kept[:, :1])
    np.testing.assert_array_equal(ops.convert_to_numpy(drop(x)), x)
