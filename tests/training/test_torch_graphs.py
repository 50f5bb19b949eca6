"""A GPU that makes the calls of a step by itself learns what it would have learned; constants are computed once."""

import numpy as np
import pytest

from kerasmed.build import build
from tests.fakes.toy import SMALL_MODELS, toy_config, toy_spec, toy_stream


@pytest.fixture(autouse=True)
def _torch_alone(backend):
    if backend != "torch":
        pytest.skip("torch alone has lists of calls")


def traced(function, *values):
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*values)


def made(calls):
    """Names of the calls that are made each time."""
    return [str(node.target) for node in calls.graph.nodes if node.op == "call_function"]


def test_what_depends_on_constants_alone_is_computed_once():
    import torch

    from kerasmed.training.on_torch.graphs import fold_constants

    weight, constant = torch.nn.Parameter(torch.full((3,), 2.0)), torch.tensor([1.0, 2.0, 3.0])
    calls = traced(lambda x: x * (constant * 2 + 1) * (weight * 3), torch.ones(3))
    fold_constants(calls)
    calls.recompile()
    assert [name.split(".")[1] for name in made(calls)] == ["mul", "mul", "mul"]
    assert calls(torch.ones(3)).tolist() == [18.0, 30.0, 42.0]
    with torch.no_grad():
        weight.fill_(1.0)
    assert calls(torch.ones(3)).tolist() == [9.0, 15.0, 21.0]


def test_calls_of_which_one_changes_its_input_stay_as_they_are():
    import torch

    from kerasmed.training.on_torch.graphs import fold_constants

    constant = torch.tensor([1.0, 2.0])
    calls = traced(lambda x: x + (constant * 2).add_(1.0), torch.ones(2))
    before = made(calls)
    fold_constants(calls)
    assert made(calls) == before


def test_on_a_processor_calls_are_made_one_by_one():
    import torch

    from kerasmed.training.on_torch.graphs import recorded

    calls = traced(lambda x: x * 2, torch.ones(3))
    assert recorded(calls, [torch.ones(3)]) is calls


@pytest.mark.parametrize("kind", ["se_resnet1d", "ecg_transformer", "custom_cnn", "cnn3d"])
def test_steps_that_a_gpu_makes_by_itself_learn_what_others_do(kind, monkeypatch, caplog):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    from kerasmed.training.on_torch import flat

    found = {}
    for name, recorded in (("one by one", lambda calls, values: calls), ("by itself", flat.recorded)):
        monkeypatch.setattr(flat, "recorded", recorded)
        found[name] = losses_and_weights(kind)
    assert not caplog.records
    for one, other in zip(*found.values(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)


def losses_and_weights(kind):
    """Of six steps that draw."""
    from kerasmed.runtime import seed_everything
    from kerasmed.training.fit import compile_trainee

    seed_everything(0)
    stream = toy_stream(kind=kind)
    trainee = compile_trainee(
        build(SMALL_MODELS[kind], toy_spec(kind=kind)), toy_spec(kind=kind), stream, toy_config(kind)
    )
    losses = [float(trainee.train_on_batch(*stream[step], return_dict=True)["loss"]) for step in range(6)]
    return [np.array(losses), *trainee.get_weights()]
