"""The zip of a `.keras` file: read member by member into memory under a running count, never extracted."""

import stat
import zipfile
import zlib
from pathlib import Path

from kerasmed.errors import ContractError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = frozenset({CONFIG, "metadata.json", WEIGHTS})
# A zip can unpack a few kB into a config that fills the memory; real ones are below 1 MB.
MAX_CONFIG_BYTES = 32 * 1024 * 1024
# Weights hardly shrink; what shrinks a hundredfold is a bomb. Short members may be as plain as they like.
MAX_RATIO, PLAIN_BYTES = 100, 1024 * 1024
_PIECE = 1024 * 1024
_LINK = 0o120000


def read_archive(path: Path, max_bytes: int) -> dict[str, bytes]:
    """The members of a `.keras` file, by name.

    Args:
        path: The file.
        max_bytes: Of all members together, unpacked.

    Raises:
        ContractError: It is damaged, holds anything but what keras writes, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _require_members(path.name, members)
            return {member.filename: _unpack(path.name, archive, member, max_bytes) for member in members}
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise ContractError(f"{path.name}: is no complete .keras file ({error}).") from error


def _require_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    foreign = sorted(set(names) - MEMBERS)
    if foreign:
        raise ContractError(
            f"{name}: holds {foreign[0][:80]!r}, which no .keras file of kerasmed does; refused. "
            f"It may hold {', '.join(sorted(MEMBERS))}."
        )
    if len(names) > len(set(names)):
        raise ContractError(f"{name}: holds a member twice; refused.")
    if any(stat.S_IFMT(member.external_attr >> 16) == _LINK for member in members):
        raise ContractError(f"{name}: holds a link; refused.")
    missing = sorted({CONFIG, WEIGHTS} - set(names))
    if missing:
        raise ContractError(f"{name}: is no complete .keras file (it lacks {missing[0]}).")


def _unpack(name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    what, most = ("weights are", max_bytes) if member.filename == WEIGHTS else ("config is", MAX_CONFIG_BYTES)
    pieces, count = [], 0
    with archive.open(member) as stream:
        while piece := stream.read(_PIECE):
            count += len(piece)
            if count > most:
                raise ContractError(f"{name}: its {what} larger than {most} bytes; refused.")
            if count > max(PLAIN_BYTES, MAX_RATIO * member.compress_size):
                raise ContractError(f"{name}: its {what} packed more than {MAX_RATIO}-fold; refused.")
            pieces.append(piece)
    return b"".join(pieces)
