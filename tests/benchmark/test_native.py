import math

import numpy as np
import pytest

from kerasmed.benchmark.cells import NATIVE_MODES, without_chance
from tests.benchmark.native import side
from tests.fakes.toy import toy_config, toy_spec, toy_stream

KINDS = ("se_resnet1d", "ecg_transformer", "custom_cnn", "cnn3d")


@pytest.mark.parametrize("kind", KINDS)
def test_a_native_network_has_as_many_weights_as_ours(kind, backend):
    from kerasmed.build import build

    config, spec = toy_config(kind), toy_spec(kind=kind)
    ours = build(config.model, spec)
    native = side(backend).Training(config, spec, NATIVE_MODES[backend][0], "cpu")
    assert native.parameters == sum(math.prod(weight.shape) for weight in ours.trainable_weights)


@pytest.mark.parametrize("kind", ["se_resnet1d", "cnn3d"])
def test_a_native_loop_learns(kind, backend):
    config, stream = without_chance(toy_config(kind, ema_decay=0.9)), toy_stream(kind=kind)
    native = side(backend).Training(config, toy_spec(kind=kind), NATIVE_MODES[backend][0], "cpu")
    losses = []
    for step in range(12):
        inputs, targets, weights = stream[step]
        losses.append(float(native.step(inputs, targets["label"], weights["label"])))
    native.sync()
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_several_labels_have_a_loss(backend):
    config, stream = toy_config("custom_cnn"), toy_stream(kind="custom_cnn")
    native = side(backend).Training(config, toy_spec("multi_label", "custom_cnn"), NATIVE_MODES[backend][0], "cpu")
    inputs, _, weights = stream[0]
    labels = np.ones((32, 3), np.int8)
    assert 0.3 < float(native.step(inputs, labels, weights["label"])) < 3


@pytest.mark.parametrize("kind", KINDS)
def test_plain_pytorch_answers_as_a_network_that_is_not_trained(kind, backend):
    if backend != "torch":
        pytest.skip("answers of plain code are measured of PyTorch in eager mode alone")
    inputs, _, _ = toy_stream(kind=kind)[0]
    answers = side("torch").answering(toy_config(kind), toy_spec(kind=kind), "cpu")
    whole, first = answers(inputs), answers({name: values[:1] for name, values in inputs.items()})
    assert whole.shape == (32, 3)
    np.testing.assert_allclose(first, whole[:1], atol=1e-5)  # no dropout, and no mean of its own batch
