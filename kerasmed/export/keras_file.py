"""`.keras`: the portable file of the serving graph, and the start of every other format."""

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from kerasmed.export.config_check import custom_modules, read_config, require_safe_config
from kerasmed.export.confine import Limits
from kerasmed.export.keras_archive import CONFIG, WEIGHTS, read_archive
from kerasmed.export.weights_check import require_plain_weights
from kerasmed.export.written import refusals

if TYPE_CHECKING:
    import keras

OURS = frozenset({"kerasmed"})


def save_keras(model: "keras.Model", path: Path) -> None:
    """Write `model` to `path`; it ends in `.keras`."""
    model.save(path)


def open_keras(path: Path, trusted: Collection[str] = OURS) -> "keras.Model":
    """The model in `path`, on the backend of this process, without anything of its training.

    A file from elsewhere is opened by a process that was confined first (`kerasmed/export/confine.py`).

    Args:
        path: A `.keras` file.
        trusted: Packages whose modules may be imported for the custom layers that the file names.

    Raises:
        ContractError: The file is damaged, unsafe, too large, or needs a package that is not trusted.
    """
    for module in sorted(require_safe_keras(path, trusted)):
        importlib.import_module(module)
    import keras

    kinds = (ValueError, TypeError, KeyError, OSError, AttributeError, RuntimeError, MemoryError, IndexError)
    with refusals(f"{path.name}: keras cannot open it", *kinds):
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def require_safe_keras(path: Path, trusted: Collection[str] = OURS, max_bytes: int = Limits.declared_bytes) -> set[str]:
    """Check a `.keras` file without keras; the modules of its custom layers.

    Raises:
        ContractError: As `open_keras`.
    """
    members = read_archive(path, max_bytes)
    config = read_config(path.name, members[CONFIG])
    require_safe_config(path.name, config, trusted, max_bytes)
    require_plain_weights(path.name, members[WEIGHTS], max_bytes)
    return custom_modules(config)


def packages_of(model: "keras.Model") -> set[str]:
    """Top packages of the custom classes in `model`."""
    import keras

    return {name.partition(".")[0] for name in custom_modules(keras.saving.serialize_keras_object(model))}
