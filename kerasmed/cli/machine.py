"""What this machine has. Backends are asked in processes of their own: none is loaded here, and none can end us."""

import json
import re
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kerasmed.config.load import load_preset
from kerasmed.config.presets import list_presets
from kerasmed.data.download import DATABASES

PROBE_TIMEOUT_S = 120.0
# Each prints its version and the names of its devices. Listing them must take no memory of a GPU that is at work:
# jax takes most of it unless told not to (PREALLOCATE), torch and TensorFlow take it with the first array.
PROBES = {
    "jax": "import jax as b; d = [x.device_kind for x in b.devices()]",
    "torch": "import torch as b; c = b.cuda; d = ['cpu', *map(c.get_device_name, range(c.device_count()))]",
    "tensorflow": "import tensorflow as b; d = [x.device_type.lower() for x in b.config.list_physical_devices()]",
}
REPORT = "; import json; print(json.dumps({'version': b.__version__, 'devices': d}))"
QUIET = ("env", "XLA_PYTHON_CLIENT_PREALLOCATE=false", "TF_CPP_MIN_LOG_LEVEL=3")
# Format to the package that reads it.
DECODERS = {
    "WFDB, formats 16, 80 and 212": "kerasmed",
    "WFDB, every other format": "wfdb",
    "DICOM": "pydicom",
    "NIfTI": "nibabel",
    "PNG, JPEG": "pillow",
}
# Extras that only gather or build others.
NO_FEATURE = ("all", "dev")


def probe_backend(name: str) -> dict[str, Any]:
    """Version and devices of a backend, or why there is none.

    Returns:
        `{state: "ready", version, devices}`, `{state: "missing", install}` or `{state: "broken", reason}`.
    """
    if find_spec(name) is None:
        return {"state": "missing", "install": install_command(name)}
    command = [*QUIET, sys.executable, "-P", "-W", "ignore", "-c", PROBES[name] + REPORT]
    try:
        ended = subprocess.run(  # noqa: S603  our own words, no shell
            command, capture_output=True, text=True, errors="replace", timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"state": "broken", "reason": f"did not answer within {PROBE_TIMEOUT_S:g} s"}
    except OSError as error:
        return {"state": "broken", "reason": f"cannot be started: {error.strerror}"}
    if ended.returncode != 0:
        return {"state": "broken", "reason": _why(ended)}
    return {"state": "ready", **json.loads(ended.stdout.splitlines()[-1])}


def list_gpus() -> list[dict[str, Any]]:
    """NVIDIA GPUs with their memory in MiB; none where there is no nvidia-smi."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = "name,memory.total,memory.used,driver_version"
    command = [program, f"--query-gpu={asked}", "--format=csv,noheader,nounits"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in ended.stdout.splitlines()]
    return [
        {"name": row[0], "memory_mib": _number(row[1]), "used_mib": _number(row[2]), "driver": row[3]}
        for row in rows
        if len(row) == 4 and ended.returncode == 0
    ]


def list_packages() -> dict[str, dict[str, str | None]]:
    """Packages of each extra with their versions, None where one is missing."""
    extras: dict[str, dict[str, str | None]] = {}
    for requirement in metadata.requires("kerasmed") or []:
        package, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra == ['\"](\w+)['\"]", requirement)
        if package and extra and extra[1] not in NO_FEATURE:
            extras.setdefault(extra[1], {})[package[0]] = version_of(package[0])
    return extras


def list_decoders() -> list[dict[str, str | None]]:
    """Formats, the package that reads each, and its version."""
    return [{"format": name, "package": package, "version": version_of(package)} for name, package in DECODERS.items()]


def free_bytes(folder: Path) -> int | None:
    """Room on the disk of a folder that need not exist yet; None where nobody can tell."""
    existing = next((place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()), None)
    try:
        return shutil.disk_usage(existing).free if existing else None
    except OSError:
        return None


def list_folders(root: Path | None) -> dict[str, dict[str, Any]]:
    """Folder of each known database to the names of its database and presets, and whether it is below `root`."""
    folders: dict[str, dict[str, Any]] = {}
    for name, database in DATABASES.items():
        folders.setdefault(database.folder, _folder(root, database.folder))["database"] = name
    for preset in list_presets("dataset"):
        folder = load_preset("dataset", preset).model_dump()["folder"]
        folders.setdefault(folder, _folder(root, folder))["presets"].append(preset)
    return folders


def version_of(package: str) -> str | None:
    """Installed version of a package; None where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def install_command(extra: str) -> str:
    """What to type for the packages of an extra."""
    return f"pip install 'kerasmed[{extra}]'"


def _folder(root: Path | None, name: str) -> dict[str, Any]:
    return {"database": None, "presets": [], "present": root is not None and (root / name).is_dir()}


def _why(ended: "subprocess.CompletedProcess[str]") -> str:
    if ended.returncode < 0:
        return f"ended by {signal.Signals(-ended.returncode).name}"
    said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return said[-1] if said else f"ended with {ended.returncode}"


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
