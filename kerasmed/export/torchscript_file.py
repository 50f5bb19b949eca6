"""TorchScript: a traced graph that libtorch runs without Python. Runs in a child, on torch."""

import warnings
import zipfile
from pathlib import Path

from kerasmed.export.parity import probe_inputs
from kerasmed.export.serving import same_names
from kerasmed.export.torch_file import by_name, torch_answers, traced_inputs
from kerasmed.export.written import Loaded, Origin, refusals
from kerasmed.spec import ExampleSpec

# Members that tell where the code lay that was traced: folders of this machine, of no use to whoever runs the graph.
PLACES = ".debug_pkl"


def write_torchscript(origin: Origin, path: Path) -> None:
    """Write a graph of a dict of inputs by name to a dict of scores by name.

    A trace freezes whatever the model makes of the batch size in Python; the proof at several sizes shows if it did.

    Raises:
        ContractError: torch cannot trace the model.
    """
    import torch

    traced = path.with_name(f"{path.name}.traced")
    with refusals("torch.jit", RuntimeError, ValueError, TypeError), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(by_name(origin.model), (traced_inputs(origin.spec),), strict=False, check_trace=False).save(
            traced
        )
    _copy_without_places(traced, path)
    traced.unlink()


def load_torchscript(path: Path, spec: ExampleSpec) -> Loaded:
    """The graph in `path`, on the CPU.

    Raises:
        ContractError: torch cannot load it, or it does not have the names of the spec.
    """
    import torch

    with refusals(path.name, RuntimeError, ValueError, OSError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(path, map_location="cpu")
    graph = module.inlined_graph
    # The only dict that the graph reads is the one of its inputs.
    inputs = tuple(dict.fromkeys(node.inputsAt(1).toIValue() for node in graph.findAllNodes("aten::__getitem__")))
    same_names(f"{path.name}: inputs", (str(name) for name in inputs), spec.inputs)
    answers = torch_answers(module)
    outputs = tuple(answers(probe_inputs(spec, 1)))
    same_names(f"{path.name}: outputs", outputs, spec.targets)
    return Loaded(answers, inputs, outputs)


def _copy_without_places(traced: Path, path: Path) -> None:
    with zipfile.ZipFile(traced) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as slim:
        for member in whole.infolist():
            if not member.filename.endswith(PLACES):
                slim.writestr(member, whole.read(member))
