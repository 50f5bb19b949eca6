"""Files that others could send: a model that answers, and what hides in one that does more."""

import base64
import io
import json
import marshal
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.data.labels import CLASSES
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

LENGTH = 12
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
Json = dict[str, Any]


def window_spec(length: int = LENGTH) -> ExampleSpec:
    """Windows of one channel between 0 and 1, which a `.npy` file can hold, and the five classes."""
    signal = ArraySpec((length, 1), "float32", 1.0, "1", 125.0, ("MLII",))
    return ExampleSpec({"signal": signal}, {"label": TargetSpec("single_label", CLASSES)}, {"kind": "rows"})


def write_windows(path: Path, length: int = LENGTH) -> Path:
    """Write a `.npy` file of three windows that `window_spec` reads."""
    np.save(path, np.random.default_rng(0).random((3, length), np.float32))
    return path


def write_saved_model(folder: Path, keras_file: Path, spec: ExampleSpec | None = None) -> Path:
    """A version whose manifest vouches for `keras_file`, as whoever made the file would write it."""
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(keras_file.read_bytes())
    files.write_json(folder / "spec.json", (spec or window_spec()).to_json())
    manifest = {"layout": 1, "name": folder.parent.name, "version": 1, "formats": ["keras"]}
    files.write_json(folder / "manifest.json", {**manifest, "files": files.hash_folder(folder)})
    return folder


def layer(class_name: str, name: str, source: str | None, shape: list[int | None], **config: Any) -> Json:
    """A layer of a functional model as keras writes it; `shape` is that of the tensor that comes from `source`."""
    tensor = {"shape": shape, "dtype": "float32", "keras_history": [source, 0, 0]}
    args = [] if source is None else [{"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}]
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": None,
        "build_config": {"input_shape": shape},
        "name": name,
        "inbound_nodes": args,
    }


def entry(shape: list[int | None] | None = None) -> Json:
    """The input layer."""
    made = layer("InputLayer", "signal", None, [], batch_shape=shape or [None, LENGTH, 1], dtype="float32")
    del made["build_config"]
    return made


def network(*inner: Json, source: str | None = None, start: Json | None = None) -> Json:
    """The config of a model whose softmax reads the last of `inner`, or of its only flattening."""
    inner = inner or (layer("Flatten", "flat", "signal", [None, LENGTH, 1]),)
    last = source or inner[-1]["name"]
    answer = layer("Dense", "label", last, [None, LENGTH], units=len(CLASSES), activation="softmax")
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": "sent",
            "trainable": True,
            "layers": [start or entry(), *inner, answer],
            "input_layers": {"signal": ["signal", 0, 0]},
            "output_layers": {"label": ["label", 0, 0]},
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }


def weights(groups: Mapping[str, list[np.ndarray]] | None = None) -> bytes:
    """An HDF5 file of weights, by layer."""
    if groups is None:
        rng = np.random.default_rng(1)
        groups = {"dense": [rng.normal(size=(LENGTH, 5)).astype(np.float32), np.zeros(5, np.float32)]}

    def fill(root: Any) -> None:
        for name, arrays in groups.items():
            for place, values in enumerate(arrays):
                root.create_dataset(f"layers/{name}/vars/{place}", data=values)

    return hdf5(fill)


def hdf5(fill: Any) -> bytes:
    """The bytes of an HDF5 file that `fill` writes."""
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as root:
        root.create_group("layers")
        fill(root)
    return held.getvalue()


def write_keras(
    path: Path, config: Json | str | None = None, stored: bytes | None = None, extra: Mapping[Any, bytes] | None = None
) -> Path:
    """Write a `.keras` archive; `extra` are further members, by name or `ZipInfo`."""
    tree = network() if config is None else config
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}))
        archive.writestr(CONFIG, tree if isinstance(tree, str) else json.dumps(tree))
        archive.writestr(WEIGHTS, weights() if stored is None else stored)
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path


def link_member(name: str) -> zipfile.ZipInfo:
    """A member that unpacks to a symbolic link."""
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def lambda_layer(program: str) -> Json:
    """A Lambda whose bytecode runs `program`."""
    code = base64.b64encode(marshal.dumps(compile(program, "sent", "exec"))).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    return layer("Lambda", "flat", "signal", [None, LENGTH, 1], function=function)


def dense_made_by(initializer: Json) -> Json:
    """A network whose weights begin with whatever `initializer` names."""
    return network(
        layer("Flatten", "flat", "signal", [None, LENGTH, 1]),
        layer("Dense", "inner", "flat", [None, LENGTH], units=LENGTH, kernel_initializer=initializer),
    )


def called(module: str, class_name: str, config: Any, registered: str | None = None) -> Json:
    """A serialised object of any module."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def onnx_model(nodes: list[Any], constants: list[Any] = [], *, opset: int = 17, domain: str = "") -> Any:  # noqa: B006
    """An ONNX model from `signal` to `label` that carries the spec."""
    from kerasmed.export.onnx_file import onnx_metadata

    onnx = __import__("onnx")
    value = onnx.helper.make_tensor_value_info
    inputs = [value("signal", onnx.TensorProto.FLOAT, ["batch", LENGTH, 1])]
    outputs = [value("label", onnx.TensorProto.FLOAT, ["batch", len(CLASSES)])]
    graph = onnx.helper.make_graph(nodes, "sent", inputs, outputs, constants)
    opsets = [onnx.helper.make_opsetid("", opset)] + ([onnx.helper.make_opsetid(domain, 1)] if domain else [])
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.helper.set_model_props(model, onnx_metadata(window_spec(), "sent", 1))
    return model
