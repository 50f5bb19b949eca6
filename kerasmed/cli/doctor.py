"""`kerasmed doctor`: what this machine has and lacks."""

import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from kerasmed import __version__, runtime
from kerasmed.cli import machine
from kerasmed.cli.options import data_dir_option, json_option, runs_dir_option
from kerasmed.cli.output import in_bytes, show, table
from kerasmed.errors import ConfigError

MIB = 1 << 20


@click.command()
@data_dir_option
@runs_dir_option
@json_option
def command(data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Show what this machine has: python, backends, GPU, decoders, packages, disk, data."""
    facts = examine(data_dir, runs_dir)
    show(facts, table(_rows(facts)), as_json)


def examine(data_dir: Path | None, runs_dir: Path) -> dict[str, Any]:
    """Everything that `kerasmed doctor` tells, as a JSON tree."""
    with ThreadPoolExecutor() as pool:
        backends = dict(zip(machine.PROBES, pool.map(machine.probe_backend, machine.PROBES), strict=True))
    places = {"runs": runs_dir, "cache": runtime.cache_root()}
    return {
        "kerasmed": __version__,
        "python": {"version": platform.python_version(), "path": sys.executable},
        "keras": machine.version_of("keras"),
        "backends": backends,
        "gpus": machine.list_gpus(),
        "decoders": machine.list_decoders(),
        "extras": machine.list_packages(),
        "disk": {
            name: {"folder": str(place), "free_bytes": machine.free_bytes(place)} for name, place in places.items()
        },
        "data": _data(data_dir),
    }


def _data(data_dir: Path | None) -> dict[str, Any]:
    try:
        root = runtime.data_root(data_dir)
    except ConfigError as error:
        return {"root": None, "reason": str(error), "folders": machine.list_folders(None)}
    return {"root": str(root), "reason": None, "folders": machine.list_folders(root)}


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kerasmed", facts["kerasmed"]),
        ("python", "{version}, {path}".format(**facts["python"])),
        ("keras", facts["keras"] or "missing: pip install keras"),
        *((f"backend {name}", _backend(found)) for name, found in facts["backends"].items()),
        *(("GPU", _gpu(gpu)) for gpu in facts["gpus"] or [None]),
        *(("decoder", _decoder(**found)) for found in facts["decoders"]),
        *((f"extra {name}", _extra(name, packages)) for name, packages in facts["extras"].items()),
        *((f"disk of {name}", _disk(**place)) for name, place in facts["disk"].items()),
        ("data", facts["data"]["root"] or facts["data"]["reason"]),
        *(("database", _database(name, **found)) for name, found in facts["data"]["folders"].items()),
    ]


def _backend(found: dict[str, Any]) -> str:
    if found["state"] == "missing":
        return f"missing: {found['install']}"
    if found["state"] == "broken":
        return f"BROKEN: {found['reason']}"
    return f"{found['version']}, {', '.join(found['devices'])}"


def _gpu(gpu: dict[str, Any] | None) -> str:
    if gpu is None:
        return "none that nvidia-smi shows"
    sizes = [in_bytes(gpu[name] * MIB) if gpu[name] is not None else "unknown" for name in ("memory_mib", "used_mib")]
    return f"{gpu['name']}, {sizes[0]} of memory, {sizes[1]} in use, driver {gpu['driver']}"


def _decoder(format: str, package: str, version: str | None) -> str:
    return f"{format}: {package} {version}" if version else f"{format}: missing {package}"


def _extra(name: str, packages: dict[str, str | None]) -> str:
    there = [f"{package} {version}" for package, version in packages.items() if version]
    missing = [package for package, version in packages.items() if not version]
    if missing:
        there.append(f"MISSING {', '.join(missing)}: {machine.install_command(name)}")
    return ", ".join(there)


def _disk(folder: str, free_bytes: int | None) -> str:
    return f"{in_bytes(free_bytes) if free_bytes is not None else 'unknown'} free, {folder}"


def _database(name: str, database: str | None, presets: list[str], present: bool) -> str:
    used = f"for {', '.join(presets)}" if presets else "no preset reads it yet"
    fetch = f", kerasmed data download {database}" if database and not present else ""
    return f"{name}: {'here' if present else 'not here'}{fetch}; {used}"
