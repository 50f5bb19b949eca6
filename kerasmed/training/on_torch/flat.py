"""Code of keras as a list of PyTorch calls, where a network learns on torch (decision 0065).

Between two calls into PyTorch keras converts, compares and looks up; for a small network that takes longer than the
calls themselves. So the code runs on tensors without values while its calls are written down, and from then on they are
made alone: the same ones in the same order, on the same variables.
"""

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras

from kerasmed.training.on_torch.constants import fold_constants
from kerasmed.training.on_torch.draws import DRAWN_BY
from kerasmed.training.on_torch.layers import move_averages
from kerasmed.training.on_torch.tape import Tape, taped

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule, Node

Function = Callable[[Sequence["torch.Tensor"]], Any]


def lay_flat(network: keras.Model) -> None:
    """Let `network` run as a list of calls where it learns; on another backend, or where it cannot, nothing changes.

    Args:
        network: A functional model whose layers have the kernels of `layers`.
    """
    if keras.backend.backend() != "torch" or not can_lie_flat(network):
        return
    as_keras_does, flat = type(network).call, Flat(network)

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        values = keras.tree.flatten(inputs)
        masked = any(part is not None for part in keras.tree.flatten(mask))
        if not training or masked or not all(_has_value(value) for value in values):
            return as_keras_does(network, inputs, training=training, mask=mask)

        def learn(tensors: Sequence[Any]) -> Any:
            return as_keras_does(network, keras.tree.pack_sequence_as(inputs, list(tensors)), training=True)

        return flat(learn, values)

    network.call = call


def can_lie_flat(network: keras.Model) -> bool:
    """Whether the calls of `network` are the same in every step.

    A layer that draws in a way of its own would draw the same for ever, and the list of a recurrent one has no end.
    """
    return not any(isinstance(layer, keras.layers.RNN) or _draws_alone(layer) for layer in network._flatten_layers())


class Flat:
    """Functions of tensors that run the layers of `network`, as lists of calls: one for each kind of values."""

    def __init__(self, network: keras.Model) -> None:
        self.lists: dict[Any, _Calls] = {}
        self.normalising = [
            layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
        ]

    def __call__(self, function: Function, values: "Sequence[torch.Tensor]") -> Any:
        """The tree of tensors that `function` answers with; it is called only for values of a kind that is new."""
        # A normalisation that stands still makes other calls.
        learning = tuple(layer.trainable for layer in self.normalising)
        kind = learning, *((value.shape, value.dtype, value.device) for value in values)
        if kind not in self.lists:
            self.lists[kind] = _written_down(function, values)
        return self.lists[kind](values)


class _Calls:
    """The calls of a function, what is drawn for them, and what is remembered of them."""

    def __init__(self, calls: "GraphModule", answer: Any, tape: Tape) -> None:
        self.calls, self.answer, self.draws = calls, answer, tape.draws
        self.normalised = [layer for layer, _, _ in tape.moments]

    def __call__(self, values: "Sequence[torch.Tensor]") -> Any:
        found = self.calls(*values, *(draw.now() for draw in self.draws))
        count = len(self.normalised)
        if count:
            move_averages(self.normalised, found[-2 * count : -count], found[-count:])
        return keras.tree.pack_sequence_as(self.answer, found[: len(found) - 2 * count])


def _written_down(function: Function, values: "Sequence[torch.Tensor]") -> _Calls:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    first, second = Tape(), Tape()
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, taped(first):
        answer = function([fake.from_tensor(value) for value in values])

    def flat(*tensors: Any) -> list[Any]:
        second.given = tensors[len(values) :]
        with taped(second):
            found = function(tensors[: len(values)])
        means, inverses = ([moment[place] for moment in second.moments] for place in (1, 2))
        return [*keras.tree.flatten(found), *means, *inverses]

    drawn = [torch.empty(draw.shape, dtype=draw.dtype, device=draw.device) for draw in first.draws]
    traced = make_fx(flat, tracing_mode="fake", _allow_non_fake_inputs=True, pre_dispatch=True)(*values, *drawn)
    return _Calls(_tidied(traced), answer, second)


def _tidied(traced: "GraphModule") -> "GraphModule":
    """The calls without conversions to what a value is already, and without axes that change places twice."""
    import torch

    aten = torch.ops.aten
    for node in traced.graph.nodes:
        if node.target in (aten.to.dtype, aten.to.dtype_layout) and _kind(traced, node) == _kind(traced, node.args[0]):
            node.replace_all_uses_with(node.args[0])
        elif node.target == aten.permute.default and node.args[0].target == aten.permute.default:
            inner, outer = node.args[0].args[1], node.args[1]
            if [inner[axis] for axis in outer] == [*range(len(outer))]:
                node.replace_all_uses_with(node.args[0].args[0])
    fold_constants(traced)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _kind(traced: "GraphModule", node: "Node") -> tuple[Any, ...]:
    value = operator.attrgetter(node.target)(traced) if node.op == "get_attr" else node.meta["val"]
    return value.dtype, value.device, value.layout


def _draws_alone(layer: keras.layers.Layer) -> bool:
    parts = vars(layer).values()
    return type(layer) not in DRAWN_BY and any(isinstance(part, keras.random.SeedGenerator) for part in parts)


def _has_value(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.device.type != "meta"
