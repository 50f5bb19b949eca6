"""What a list of PyTorch calls need not compute in every step (decision 0065)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node


def fold_constants(calls: "GraphModule") -> None:
    """Compute once what depends on constants alone; what is to be on a GPU would be copied to it in every step."""
    import torch

    if not all(_answers_alone(node) for node in calls.graph.nodes):
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


def _answers_alone(node: "Node") -> bool:
    """Whether a call neither changes its input nor draws."""
    import torch

    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return True
    return not target._schema.is_mutable and torch.Tag.nondeterministic_seeded not in target.tags
