"""`.pt2`, an ExportedProgram: the graph of ATen operations, run by torch alone. Runs in a child, on torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed.export.parity import Answers, Array, probe_inputs
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, Origin, refusals
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras

# torch takes an axis of size 1 for a constant.
NUM_TRACED = 2


def write_torch(origin: Origin, path: Path) -> None:
    """Write a program of a dict of inputs by name to a dict of scores by name, with a free batch axis.

    Raises:
        ContractError: torch.export cannot follow the model.
    """
    import torch

    inputs = traced_inputs(origin.spec)
    axes = {name: _free_axes(name, origin.spec) for name in inputs}
    with refusals("torch.export", RuntimeError, ValueError, TypeError), torch.no_grad():
        program = torch.export.export(by_name(origin.model), (inputs,), dynamic_shapes=(axes,), strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names folders of this machine
    torch.export.save(program, path)


def load_torch(path: Path, spec: ExampleSpec) -> Loaded:
    """The program in `path`, on the CPU.

    Raises:
        ContractError: torch cannot load it, or it does not have the names of the spec.
    """
    import torch

    with refusals(path.name, RuntimeError, ValueError, OSError):
        program = torch.export.load(path)
    ((inputs,), _) = program.example_inputs
    same_names(f"{path.name}: inputs", inputs, spec.inputs)
    answers = torch_answers(program.module())
    outputs = tuple(answers(probe_inputs(spec, NUM_TRACED)))
    same_names(f"{path.name}: outputs", outputs, spec.targets)
    return Loaded(answers, tuple(inputs), outputs)


def by_name(model: "keras.Model") -> Any:
    """`model` as a torch module of one dict of inputs, which does what it does when it is not training."""
    import torch

    class ByName(torch.nn.Module):
        """Dict of inputs to dict of scores."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: dict[str, Any]) -> Any:
            return self.model(inputs, training=False)

    return ByName().train(False)


def traced_inputs(spec: ExampleSpec) -> dict[str, Any]:
    """Tensors by name that a model is traced with."""
    import torch

    return {name: torch.from_numpy(values) for name, values in probe_inputs(spec, NUM_TRACED).items()}


def torch_answers(run: Any) -> Answers:
    """Arrays in, arrays out, where `run` takes and gives a dict of tensors."""
    import torch

    def answers(inputs: dict[str, Array]) -> dict[str, Array]:
        with torch.no_grad():
            found = run({name: torch.from_numpy(values) for name, values in inputs.items()})
        return {name: values.numpy() for name, values in found.items()}

    return answers


def _free_axes(name: str, spec: ExampleSpec) -> dict[int, Any]:
    from torch.export import Dim

    lengths = enumerate(spec.inputs[name].shape, start=1)
    return {0: Dim("batch"), **{axis: Dim(f"{name}_{axis}") for axis, size in lengths if size is None}}
