"""`.keras`: the portable file of the serving graph, and the start of every other format."""

import importlib
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed.errors import ContractError

if TYPE_CHECKING:
    import keras

# A zip can unpack a few kB into a config that fills the memory; real ones are below 1 MB.
MAX_CONFIG_BYTES = 32 * 1024 * 1024
OURS = frozenset({"kerasmed"})


def save_keras(model: "keras.Model", path: Path) -> None:
    """Write `model` to `path`; it ends in `.keras`."""
    model.save(path)


def open_keras(path: Path, trusted: Collection[str] = OURS) -> "keras.Model":
    """The model in `path`, on the backend of this process, without anything of its training.

    Args:
        path: A `.keras` file.
        trusted: Packages whose modules may be imported for the custom layers that the file names.

    Raises:
        ContractError: The file is damaged, unsafe, or needs a package that is not trusted.
    """
    for module in sorted(custom_modules(_config(path))):
        if module.partition(".")[0] not in trusted:
            raise ContractError(
                f"{path.name}: a layer of it is made by {module!r}, which is not among {sorted(trusted)}."
            )
        importlib.import_module(module)
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ContractError(f"{path.name}: keras cannot open it: {str(error).splitlines()[0][:200]}") from error


def custom_modules(config: Any) -> set[str]:
    """Modules of the registered classes that a serialised model names, besides those of keras."""
    return {
        node["module"] for node in _nodes(config) if node.get("registered_name") and _is_foreign(node.get("module"))
    }


def packages_of(model: "keras.Model") -> set[str]:
    """Top packages of the custom classes in `model`."""
    import keras

    return {name.partition(".")[0] for name in custom_modules(keras.saving.serialize_keras_object(model))}


def _is_foreign(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] != "keras"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for branch in tree:
            yield from _nodes(branch)


def _config(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise ContractError(f"{path.name}: its config is larger than {MAX_CONFIG_BYTES} bytes; refused.")
            return json.loads(archive.read("config.json"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ContractError(f"{path.name}: is no complete .keras file ({error}).") from error
