"""The HDF5 file of weights inside a `.keras` file: plain numbers that lie in it, and no more than it can hold."""

import io
from collections.abc import Iterator
from typing import Any

from kerasmed.errors import ContractError

MAX_ENTRIES = 100_000
_NUMBERS = "fiub"


def require_plain_weights(name: str, content: bytes, max_bytes: int) -> None:
    """Refuse weights that reach out of their file or declare what is not there.

    HDF5 can keep a dataset in another file, reach into one by a link, and declare any shape without storing it.

    Args:
        name: Of the `.keras` file, for the message.
        content: The HDF5 file.
        max_bytes: Of all arrays together.

    Raises:
        ContractError: It is damaged, or does any of that.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as root:
            _require_plain(name, root, max_bytes)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
        said = " ".join(str(error).split())[:160]
        raise ContractError(f"{name}: its weights are damaged ({said}).") from error


def _require_plain(name: str, root: Any, max_bytes: int) -> None:
    declared = stored = 0
    for place, dataset in _datasets(name, root):
        if dataset.external or dataset.is_virtual:
            raise ContractError(f"{name}: keeps weights in other files ({place}), which is refused.")
        if dataset.dtype.kind not in _NUMBERS:
            raise ContractError(f"{name}: holds {dataset.dtype} among its weights ({place}); refused.")
        declared += dataset.size * dataset.dtype.itemsize
        stored += dataset.id.get_storage_size()
        if declared > max_bytes:
            raise ContractError(f"{name}: declares more than {max_bytes} bytes of weights; refused.")
    if declared > 2 * stored:  # keras does not compress
        raise ContractError(f"{name}: declares {declared} bytes of weights and holds {stored}; refused.")


def _datasets(name: str, root: Any) -> Iterator[tuple[str, Any]]:
    """Path and dataset of everything below `root`, each group entered once."""
    import h5py

    waiting, met = [("", root)], 0
    while waiting:
        place, group = waiting.pop()
        for key in group:
            met += 1
            where = f"{place}/{key}"[:160]
            if met > MAX_ENTRIES:
                raise ContractError(f"{name}: its weights have more than {MAX_ENTRIES} entries; refused.")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ContractError(f"{name}: its weights hold a link to elsewhere ({where}), which is refused.")
            entry = group[key]
            if isinstance(entry, h5py.Group):
                waiting.append((where, entry))
            elif isinstance(entry, h5py.Dataset):
                yield where, entry
            else:
                raise ContractError(f"{name}: its weights hold {where}, which is neither a group nor an array.")
