"""PhysioNet databases, file by file, each checked against the SHA-256 that the database publishes."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kerasmed.data.fetch import PATIENT, Retry, Server, check_room
from kerasmed.errors import DataError, unknown
from kerasmed.files import sha256_file, write_bytes

Progress = Callable[[str, int, int], None]

_SUMS = "SHA256SUMS.txt"
# sha256sum writes two characters before the name, PhysioNet one space.
_SUMS_LINE = re.compile(r"([0-9a-f]{64}) [ *]?(.+)")
# Icentia11k has the longest list: 1.6 million names of some 90 bytes.
_MAX_SUMS_BYTES = 512 << 20
# A million waiting transfers would take gigabytes, so they are handed out in portions.
_PORTION = 2048


@dataclass(frozen=True)
class Database:
    """Where a database lies.

    Attributes:
        path: Name and version at PhysioNet.
        folder: Its folder below the data root.
        least_bytes: What its signals take, from the number and length of its records.
    """

    path: str
    folder: str
    least_bytes: int


DATABASES: dict[str, Database] = {
    # 48 records of 650,000 samples, two leads, 1.5 bytes
    "mitbih": Database("mitdb/1.0.0", "mitdb", 48 * 650_000 * 3),
    # 21,799 records of 10 s, twelve leads, two bytes, at 100 and at 500 Hz
    "ptbxl": Database("ptb-xl/1.0.3", "ptbxl", 21_799 * (1_000 + 5_000) * 12 * 2),
    # 541,794 segments of 1,048,577 samples, one lead, two bytes
    "icentia11k": Database("icentia11k-continuous-ecg/1.0", "icentia11k", 541_794 * 1_048_577 * 2),
    # 800,035 records of 10 s at 500 Hz, twelve leads, two bytes
    "mimic_iv_ecg": Database("mimic-iv-ecg/1.0", "mimic_iv_ecg", 800_035 * 5_000 * 12 * 2),
}


def download(
    database: str,
    root: Path,
    *,
    base_url: str = "https://physionet.org/files",
    progress: Progress | None = None,
    num_threads: int = 4,
    retry: Retry = PATIENT,
) -> Path:
    """Fetch a database into its folder below `root`; started again, it goes on where it ended.

    Args:
        database: A name of `DATABASES`.
        root: The data root, one folder per database; made where it is missing.
        base_url: Address under which the databases lie.
        progress: Called with the name of each file that is there, how many files are, and how many there will be.
        num_threads: Files fetched at the same time.
        retry: What to do where the server fails.

    Returns:
        The folder. `SHA256SUMS.txt` in it is written last, so where it is, everything is.

    Raises:
        ConfigError: No such database, or a `base_url` that is not https.
        DataError: A file cannot be had, differs from its checksum or cannot be written; there is no room; or another
            download is at work in the folder.
    """
    known = DATABASES.get(database)
    if known is None:
        raise unknown("database", database, DATABASES)
    access_help = (
        f"Sign in and ask for access at https://physionet.org/content/{known.path}/, then put the files into "
        f"{root / known.folder}."
    )
    server = Server(f"{base_url.rstrip('/')}/{known.path}", access_help, retry)
    folder = root / known.folder
    with _sole_download(folder):
        present_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        check_room(folder, database, known.least_bytes - present_bytes)
        sums = server.read(_SUMS, _MAX_SUMS_BYTES)
        _fetch_all(server, folder, read_sums(sums, server.address(_SUMS)), progress, num_threads)
        write_bytes(folder / _SUMS, sums)
    return folder


def read_sums(content: bytes, source: str) -> dict[str, str]:
    """File name to SHA-256, from the text of a `SHA256SUMS.txt`.

    Raises:
        DataError: `content`, which came from `source`, is not such a list, or has a name that would lead out of the
            folder.
    """
    sums: dict[str, str] = {}
    lines = content.decode(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _SUMS_LINE.fullmatch(line)
        if match is None:
            raise DataError(source, f"line {number} is not a SHA-256 and a file name.")
        sha256, name = match.groups()
        if not _is_inside(name):
            raise DataError(source, f"line {number} has a file name that leads out of the folder ({name!r}).")
        if sums.setdefault(name, sha256) != sha256:
            raise DataError(source, f"line {number} gives {name!r} a second checksum.")
    sums.pop(_SUMS, None)
    if not sums:
        raise DataError(source, "names no file.")
    return sums


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and name.isprintable()
        and not name.startswith("/")
        and not set(name) & set("\\:")
        and str(PurePosixPath(*parts)) == name
        and ".." not in parts
    )


def _fetch_all(server: Server, folder: Path, sums: dict[str, str], progress: Progress | None, num_threads: int) -> None:
    names, done = list(sums), 0
    with ThreadPoolExecutor(num_threads, thread_name_prefix="download") as pool:
        try:
            for start in range(0, len(names), _PORTION):
                portion = names[start : start + _PORTION]
                waiting = {pool.submit(_bring, server, folder / name, name, sums[name]): name for name in portion}
                for transfer in as_completed(waiting):
                    transfer.result()
                    done += 1
                    if progress is not None:
                        progress(waiting[transfer], done, len(names))
        except BaseException:
            server.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring(server: Server, target: Path, name: str, sha256: str) -> None:
    if target.is_file() and sha256_file(target) == sha256:
        return
    server.fetch(name, target, sha256)


@contextmanager
def _sole_download(folder: Path) -> Iterator[None]:
    """Two downloads would write into the same parts of files; the lock ends with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise DataError(str(folder), f"cannot be made: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(str(folder), "another download is at work here.") from error
        yield
    finally:
        os.close(descriptor)
