"""How much memory a process may still take, and a limit that keeps it from taking more."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def available_bytes(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Memory free for this process: the machine's, or what its control groups leave it; None where no one says.

    Args:
        proc: Where the kernel tells of processes and memory.
        cgroups: Where it tells of control groups, of version 1 or 2.
    """
    if not (proc / "meminfo").is_file():
        return None
    rooms = [_field(proc / "meminfo", "MemAvailable:") * 1024]
    for line in (proc / "self" / "cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        if not controllers:
            rooms += _rooms_above(cgroups / place.lstrip("/"), cgroups, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root = cgroups / "memory"
            rooms += _rooms_above(root / place.lstrip("/"), root, "memory.limit_in_bytes", "memory.usage_in_bytes")
    return min(rooms)


@contextmanager
def limited_memory(further_bytes: int) -> Iterator[None]:
    """In the block this process may allocate so much more and then fails, rather than be killed for what it took.

    RLIMIT_DATA counts what was allocated and can be written: after some steps at most 40 % more than was resident, on
    all three backends. RLIMIT_AS also counts room set aside and mapped files, more than a gigabyte of them, and under
    it TensorFlow aborts because it cannot start a thread.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _field(PROC / "self" / "status", "VmData:") * 1024 + further_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _rooms_above(folder: Path, root: Path, limit: str, usage: str) -> list[int]:
    """What each group from `folder` up to `root` has left; a container may not see the folder that it is named."""
    groups = [group for group in (folder, *folder.parents) if group == root or root in group.parents]
    rooms = []
    for group in groups:
        if not (group / limit).is_file() or not (group / usage).is_file():
            continue
        most = (group / limit).read_text().strip()
        if most != "max":
            # The pages of files that nobody uses are given up when memory runs short.
            rooms.append(int(most) - int((group / usage).read_text()) + _field(group / "memory.stat", "inactive_file"))
    return rooms


def _field(path: Path, name: str) -> int:
    """The number after `name` in a file of names and numbers; 0 where there is none."""
    if not path.is_file():
        return 0
    found = (line.split() for line in path.read_text().splitlines() if line.split()[:1] == [name])
    return int(next(found, [name, "0"])[1])
