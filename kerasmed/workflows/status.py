"""The true status of a run: what its manifest says, held against the lock that a living run holds."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmed.files import Holder, holder_of
from kerasmed.workflows.run_folder import LOCK

CREATED, RUNNING, KILLED, COMPLETE = "created", "running", "killed", "complete"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class State:
    """How a run stands.

    Attributes:
        status: running, complete, interrupted, failed; killed, where the manifest says running and nobody is at work;
            unreadable, where there is no manifest to read.
        manifest: manifest.json; empty where it cannot be read.
        holder: Who is at work on a running run.
    """

    status: str
    manifest: dict[str, Any]
    holder: Holder | None = None


def state_of(folder: Path) -> State:
    """How the run in `folder` stands now."""
    told = _told(folder)
    if told.status not in (CREATED, RUNNING):
        return told
    try:
        holder = holder_of(folder / LOCK)
    except OSError:  # of another user; nobody can tell
        return told
    if holder is not None:
        return State(RUNNING, told.manifest, holder)
    # It may have come to its end, and let go, since its manifest was read.
    now = _told(folder)
    return State(KILLED, now.manifest) if now.status in (CREATED, RUNNING) else now


def _told(folder: Path) -> State:
    """What the manifest says."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    if not isinstance(manifest, dict):
        manifest = {}
    return State(str(manifest.get("status", UNREADABLE)), manifest)
