"""What a process may no longer do before it opens a file from elsewhere.

Limits hold on every system that has them. What Linux can forbid beyond (sockets, programs, writing outside a folder) is
forbidden by the kernel, with seccomp(2) and landlock(7), whose numbers below are those of its headers.
"""

import ctypes
import os
import platform
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

# seccomp: arch of the audit headers; numbers of socket, execve, execveat, ptrace, io_uring_setup, bpf.
_SYSCALLS = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 425, 321)),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 425, 280)),
}
_FOREIGN_ABI = 0x40000000  # x32 calls on x86_64 carry this bit
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_REFUSE, _ALLOW, _KILL = 0x00050000 | 1, 0x7FFF0000, 0x80000000  # EPERM; go on; end the process
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _VERSION, _PATH_BENEATH = 444, 445, 446, 1, 1
# landlock: execute; write_file, remove_dir, remove_file, make_*; by version of it refer (2) and truncate (3).
_EXECUTE = 1 << 0
_WRITES = _EXECUTE | (1 << 1) | sum(1 << bit for bit in range(4, 13))
_NEWER_WRITES = {2: 1 << 13, 3: 1 << 14}


@dataclass(frozen=True)
class Limits:
    """What a process that opens a file from elsewhere is given.

    Attributes:
        memory_bytes: Address space, which is more than what it keeps in memory.
        seconds: Wall clock to open the file, and again for each answer.
        file_bytes: Size of a file that it writes.
        declared_bytes: Weights, or values of one array, that a file may declare.
    """

    memory_bytes: int = 8_000_000_000
    seconds: float = 300.0
    file_bytes: int = 2_000_000_000
    declared_bytes: int = 2_000_000_000

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into equal limits."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Self:
        """The limits that `to_json` wrote."""
        return cls(**tree)


def confine(limits: Limits, *scratch: Path) -> None:
    """Take from this process what no model needs. It comes first: threads that run already are not bound by all of it.

    Args:
        limits: Memory, time and sizes.
        scratch: The only folders that it may write into; read it may everywhere.
    """
    limit_resources(limits)
    allow_processor(limits.seconds)
    close_off(*scratch)


def limit_resources(limits: Limits) -> None:
    """Bound memory, file size and core dumps of this process, for good."""
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard),) * 2)


def allow_processor(seconds: float) -> None:
    """Let this process compute for so long on each core from now on; the kernel ends it beyond."""
    used, cores = time.process_time(), os.cpu_count() or 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds * cores) + 1, hard))


def close_off(*scratch: Path) -> None:
    """On Linux: no socket, no program and no file written outside `scratch` from now on, and in later threads.

    Where the kernel lacks one of the two means, the other holds alone.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _write_only_in(libc, scratch)
    _refuse_calls(libc)


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_so", ctypes.c_uint8),
        ("if_not", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def _refuse_calls(libc: Any) -> None:
    known = _SYSCALLS.get(platform.machine())
    if known is None:
        return
    arch, refused = known
    last = len(refused) + 1  # how far the step that refuses lies from the first comparison
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture of the call
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # its number
        (_AT_LEAST, last, 0, _FOREIGN_ABI),
        *((_EQUAL, last - 1 - place, 0, number) for place, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    array = (_Step * len(steps))(*(_Step(*step) for step in steps))
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_Program(len(steps), array)), 0, 0)


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def _write_only_in(libc: Any, scratch: tuple[Path, ...]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return
    handled = _WRITES | sum(bit for since, bit in _NEWER_WRITES.items() if version >= since)
    rules = _Ruleset(handled)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if ruleset < 0:
        return
    for place in scratch:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        beneath = _Beneath(handled & ~_EXECUTE, folder)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
        os.close(folder)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
