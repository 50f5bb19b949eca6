"""In a list of PyTorch calls what depends on constants alone is computed once."""

import pytest


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

    from kerasmed.training.on_torch.constants import fold_constants

    weight, constant = torch.nn.Parameter(torch.full((3,), 2.0)), torch.tensor([1.0, 2.0, 3.0])
    calls = traced(lambda x: x * (constant * 2 + 1) * (weight * 3), torch.ones(3))
    fold_constants(calls)
    calls.recompile()
    assert [name.split(".")[1] for name in made(calls)] == ["mul", "mul", "mul"]
    assert calls(torch.ones(3)).tolist() == [18.0, 30.0, 42.0]
    with torch.no_grad():
        weight.fill_(1.0)
    assert calls(torch.ones(3)).tolist() == [9.0, 15.0, 21.0]


@pytest.mark.parametrize("impure", ["add_", "dropout"])
def test_calls_of_which_one_changes_its_input_or_draws_stay_as_they_are(impure):
    import torch

    from kerasmed.training.on_torch.constants import fold_constants

    constant = torch.tensor([1.0, 2.0])
    call = {"add_": lambda x: x.add_(1.0), "dropout": torch.rand_like}[impure]
    calls = traced(lambda x: x + call(constant * 2), torch.ones(2))
    before = made(calls)
    fold_constants(calls)
    assert made(calls) == before
