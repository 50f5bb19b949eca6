"""A list of PyTorch calls that a GPU makes by itself: started once, where python would start each (decision 0068)."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule, Node

log = logging.getLogger(__name__)


def recorded(calls: "GraphModule", values: "Sequence[torch.Tensor]") -> Any:
    """`calls`, forward and backward, as CUDA graphs; unchanged where `values` lie elsewhere or CUDA cannot record them.

    Args:
        calls: A function of tensors alone, of which constants are folded.
        values: Such tensors: what they hold is not looked at.
    """
    import torch

    if not values or not all(value.is_cuda for value in values):
        return calls
    try:
        return torch.cuda.make_graphed_callables(calls, tuple(values), allow_unused_input=True)
    except (RuntimeError, AssertionError) as error:
        log.warning("the GPU is told of each call of a step, because CUDA could not record them: %s", error)
        return calls


def fold_constants(calls: "GraphModule") -> None:
    """Compute once what depends on constants alone; what is to be on a GPU would be copied to it in every step."""
    import torch

    if any(_changes_its_input(node) for node in calls.graph.nodes):
        return
    for node in [*calls.graph.nodes]:
        parts = node.all_input_nodes
        if node.op != "call_function" or not parts or not all(_is_constant(calls, part) for part in parts):
            continue
        constants = {part: getattr(calls, part.target) for part in parts}
        arguments, options = (torch.fx.map_arg(words, constants.__getitem__) for words in (node.args, node.kwargs))
        value = node.target(*arguments, **options)
        if isinstance(value, torch.Tensor):
            name = f"folded_{node.name}"
            calls.register_buffer(name, value)
            with calls.graph.inserting_before(node):
                folded = calls.graph.get_attr(name)
            folded.meta = node.meta
            node.replace_all_uses_with(folded)
            calls.graph.erase_node(node)


def _is_constant(calls: "GraphModule", node: "Node") -> bool:
    import torch

    # Keras keeps variables of every kind in parameters.
    return node.op == "get_attr" and not isinstance(getattr(calls, str(node.target)), torch.nn.Parameter)


def _changes_its_input(node: "Node") -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)
