"""The folder that a simulation writes into: new, or with nothing but what it wrote before."""

import re
from pathlib import Path

from kerasmed.errors import ConfigError


def require_own_folder(folder: Path, own: re.Pattern[str], what: str) -> None:
    """Refuse a folder in which something else lies.

    Args:
        folder: Where it is to write.
        own: Names of what it writes.
        what: That in a word, for the error.

    Raises:
        ConfigError: `folder` is a file, or holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name a folder to write the {what} into.")
    others = sorted(file.name for file in folder.iterdir() if not own.fullmatch(file.name))
    if others:
        raise ConfigError(f"{folder} holds other files ({others[0]!r}); name a new folder.")
