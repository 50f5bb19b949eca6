"""Every format of an exported model: its file, who writes it, who asks it, and what that needs."""

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasmed.config.run import Backend
from kerasmed.errors import MissingPackageError, unknown
from kerasmed.export.format_names import FORMATS, Format
from kerasmed.export.litert_file import load_litert, write_litert
from kerasmed.export.onnx_convert import write_onnx
from kerasmed.export.onnx_file import load_onnx
from kerasmed.export.openvino_file import load_openvino, write_openvino
from kerasmed.export.raw.describe import ASSET, ONNX_FILE
from kerasmed.export.saved_model import load_saved_model, write_saved_model
from kerasmed.export.torch_file import load_torch, write_torch
from kerasmed.export.torchscript_file import load_torchscript, write_torchscript
from kerasmed.export.written import Loaded, Origin
from kerasmed.spec import ExampleSpec

KERAS = "model.keras"


@dataclass(frozen=True)
class FormatFile:
    """A format that a child process makes of `model.keras`.

    Attributes:
        file: Its file in the folder of a version; "" where the folder itself is what is opened.
        parts: Patterns of all files that it has there.
        backend: Of the child that writes and asks it.
        made_of: The format that it is converted from, besides the model itself.
        needs: Modules that must be importable.
        write: Makes the file.
        load: Opens it in its own runtime.
    """

    file: str
    parts: tuple[str, ...]
    backend: Backend
    made_of: Format | None
    needs: tuple[str, ...]
    write: Callable[[Origin, Path], None]
    load: Callable[[Path, ExampleSpec], Loaded]


# In the order in which they are written: a format comes after the one that it is made of.
FORMAT_FILES: dict[Format, FormatFile] = {
    "saved_model": FormatFile(
        "", ("saved_model.pb", "fingerprint.pb", "variables/*", "assets/*", ASSET), "tensorflow", None,
        ("tensorflow",),
        write_saved_model, load_saved_model,
    ),
    "onnx": FormatFile(
        "model.onnx", ("model.onnx", ONNX_FILE), "tensorflow", "saved_model",
        ("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
        write_onnx, load_onnx,
    ),
    "openvino": FormatFile(
        "model.xml", ("model.xml", "model.bin"), "tensorflow", "onnx", ("tensorflow", "tf2onnx", "onnx", "openvino"),
        write_openvino, load_openvino,
    ),
    "litert": FormatFile(
        "model.tflite", ("model.tflite",), "tensorflow", "saved_model", ("tensorflow", "ai_edge_litert"),
        write_litert, load_litert,
    ),
    "torch": FormatFile("model.pt2", ("model.pt2",), "torch", None, ("torch",), write_torch, load_torch),
    "torchscript": FormatFile(
        "model.torchscript", ("model.torchscript",), "torch", None, ("torch",), write_torchscript, load_torchscript
    ),
}  # fmt: skip

# Module to its package and the extra that brings it.
_PACKAGES = {
    "tensorflow": ("tensorflow-cpu", "export"),
    "tf2onnx": ("tf2onnx", "export"),
    "onnx": ("onnx", "export"),
    "onnxruntime": ("onnxruntime", "export"),
    "openvino": ("openvino", "export"),
    "ai_edge_litert": ("ai-edge-litert", "export"),
    "torch": ("torch", "torch"),
}


def checked_formats(formats: Sequence[str]) -> list[Format]:
    """`formats` and `keras`, each once, in the order of the table.

    Raises:
        UnknownNameError: No format has such a name.
        MissingPackageError: A format needs a library that is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("export format", name, FORMATS)
    wanted = [name for name in FORMATS if name == "keras" or name in formats]
    for name in wanted:
        require_packages(name)
    return wanted


def require_packages(name: Format) -> None:
    """Raise `MissingPackageError` where `name` needs a library that is not installed."""
    for module in needs_of([name]):
        if importlib.util.find_spec(module) is None:
            package, extra = _PACKAGES[module]
            raise MissingPackageError(package, extra, f"export to {name}")


def needs_of(formats: Iterable[Format]) -> list[str]:
    """Modules that any of `formats` needs."""
    return sorted({module for name in formats if name != "keras" for module in FORMAT_FILES[name].needs})


def with_origins(formats: Iterable[Format]) -> list[Format]:
    """`formats` and what they are made of, in the order in which they are written; without `keras`."""
    found: set[Format] = set()
    for name in formats:
        origin: Format | None = name
        while origin is not None and origin != "keras":
            found.add(origin)
            origin = FORMAT_FILES[origin].made_of
    return [name for name in FORMAT_FILES if name in found]


def parts_of(name: Format, folder: Path) -> list[Path]:
    """The files of a format in the folder of a version."""
    patterns = (KERAS,) if name == "keras" else FORMAT_FILES[name].parts
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
