"""The config of a `.keras` file, held against what a model may name and how large it may be, before keras reads it."""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kerasmed.errors import ContractError

MAX_LAYERS = 5000
BYTES_PER_VALUE = 4  # every exported graph is float32
# Modules whose classes describe a network. Keras' others (utils, saving, callbacks ...) fetch, save or run something.
_OF_KERAS = re.compile(
    r"keras(\.src)?\.(layers|ops|models|initializers|regularizers|constraints|activations)(\.|$)"
    r"|keras\.src\.random\.seed_generator$"
)
_ROOT_CLASSES = frozenset({"DTypePolicy", "FloatDTypePolicy", "DTypePolicyMap", "Functional", "Sequential", "Model"})
# They run what their config or another file says.
_REFUSED = re.compile(
    r"__lambda__|function|Lambda|TFSMLayer|TorchModuleWrapper|JaxLayer|FlaxLayer|.*Lookup|TextVectorization"
)
_OURS = "kerasmed.models."


def read_config(name: str, content: bytes) -> Any:
    """The config as a JSON tree; raises `ContractError` where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{name}: is no complete .keras file (its config cannot be read: {error}).") from error


def require_safe_config(name: str, config: Any, trusted: Collection[str], max_bytes: int) -> None:
    """Refuse a config that names code, other files, or a network that is too large.

    Args:
        name: Of the file, for the message.
        config: Its JSON tree.
        trusted: Packages whose modules may make custom layers.
        max_bytes: Of all weights, and of any one tensor of one example.

    Raises:
        ContractError: It does.
    """
    num_layers = weights = 0
    for node in nodes(config):
        if "class_name" not in node:
            continue
        _require_known(name, node, trusted)
        num_layers += "inbound_nodes" in node or "build_config" in node
        if num_layers > MAX_LAYERS:
            raise ContractError(f"{name}: has more than {MAX_LAYERS} layers; refused.")
        largest = max(map(_num_values, _shapes(node)), default=0)
        weights += _num_weights(node)
        for what, values in (("weights", weights), ("values of a tensor", largest)):
            if values * BYTES_PER_VALUE > max_bytes:
                raise ContractError(
                    f"{name}: declares {values * BYTES_PER_VALUE:.3g} bytes of {what}, more than {max_bytes:.3g}; "
                    "refused."
                )


def custom_modules(config: Any) -> set[str]:
    """Modules of the registered classes that a serialised model names, besides those of keras."""
    return {node["module"] for node in nodes(config) if node.get("registered_name") and _is_foreign(node.get("module"))}


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in `tree`."""
    waiting = [tree]
    while waiting:
        branch = waiting.pop()
        if isinstance(branch, dict):
            yield branch
            waiting += branch.values()
        elif isinstance(branch, list | tuple):
            waiting += branch


def _is_foreign(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] != "keras"


def _require_known(name: str, node: Mapping[str, Any], trusted: Collection[str]) -> None:
    module, made = node.get("module"), str(node["class_name"])
    if _REFUSED.fullmatch(made):
        raise ContractError(f"{name}: holds a {made[:80]}, which can run code or read other files; refused.")
    if module is None and made.startswith("__"):  # a tensor, a tuple ...
        return
    top = str(module).partition(".")[0]
    if module == "keras" and made in _ROOT_CLASSES:
        return
    if top == "keras" and _OF_KERAS.match(str(module)):
        return
    if top in trusted and top != "keras" and (top != "kerasmed" or str(module).startswith(_OURS)):
        return
    raise ContractError(
        f"{name}: a layer of it is made by {str(module)[:80]!r} ({made[:80]}), which is not among {sorted(trusted)}."
    )


def _shapes(node: Mapping[str, Any]) -> Iterator[Any]:
    """Shapes of tensors that a node tells of: of an input, of what goes into a layer, of what a layer was built for."""
    for part in (node.get("config"), node.get("build_config")):
        if isinstance(part, dict):
            yield from (value for key, value in part.items() if key.endswith("shape"))


def _num_values(shape: Any) -> int:
    """Values of one example; of several shapes the largest."""
    if isinstance(shape, dict):
        return max(map(_num_values, shape.values()), default=0)
    if not isinstance(shape, list):
        return 0
    if any(isinstance(size, list) for size in shape):
        return max(map(_num_values, shape), default=0)
    return math.prod(_size(size) for size in shape)


def _num_weights(node: Mapping[str, Any]) -> int:
    """Weights of a layer by its settings and the shape that it says to be built for; 0 of layers that have none."""
    config = node.get("config")
    if not isinstance(config, dict):
        return 0
    count = _WEIGHTS.get(str(node["class_name"]))
    return 0 if count is None else count(config, _last_axis(node))


def _last_axis(node: Mapping[str, Any]) -> int:
    built = node.get("build_config")
    shapes = [built.get("input_shape")] if isinstance(built, dict) else []
    shapes += [
        inner["config"].get("shape")
        for inner in nodes(node.get("inbound_nodes"))
        if inner.get("class_name") == "__keras_tensor__" and isinstance(inner.get("config"), dict)
    ]
    return max((_size(shape[-1]) for shape in shapes if isinstance(shape, list) and shape), default=1)


def _size(value: Any) -> int:
    """A number of a setting or an axis; 1 where it is left open or is no number."""
    return max(int(value), 1) if isinstance(value, int | float) and math.isfinite(value) else 1


def _kernel(config: Mapping[str, Any]) -> int:
    sizes = config.get("kernel_size")
    return math.prod(map(_size, sizes)) if isinstance(sizes, list) else _size(sizes)


def _of(config: Mapping[str, Any], *names: str) -> int:
    return math.prod(_size(config.get(name)) for name in names)


def _conv(config: Mapping[str, Any], last: int) -> int:
    return _kernel(config) * max(last // _of(config, "groups"), 1) * _of(config, "filters")


def _depthwise(config: Mapping[str, Any], last: int) -> int:
    return last * _of(config, "depth_multiplier") * (_kernel(config) + _of(config, "filters"))


def _recurrent(gates: int) -> Any:
    return lambda config, last: gates * _of(config, "units") * (last + _of(config, "units") + 2)


def _norm(config: Mapping[str, Any], last: int) -> int:
    return 4 * last


_WEIGHTS: dict[str, Any] = {
    "Dense": lambda config, last: (last + 1) * _of(config, "units"),
    "EinsumDense": lambda config, last: last * _num_values(config.get("output_shape")),
    "Embedding": lambda config, last: _of(config, "input_dim", "output_dim"),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"), _depthwise),
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "SimpleRNN": _recurrent(1),
    "MultiHeadAttention": lambda config, last: 4 * last * _of(config, "num_heads", "key_dim"),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "GroupNormalization", "Normalization"), _norm),
}
