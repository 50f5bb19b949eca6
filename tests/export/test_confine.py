"""What a confined process can no longer do; each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from kerasmed.export.confine import Limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux forbids it")
CONFINED = """
import os, pathlib, socket, subprocess, sys, threading
from kerasmed.export.confine import Limits, confine
scratch = pathlib.Path(sys.argv[1])
confine(Limits(memory_bytes=2_000_000_000, seconds={seconds}, file_bytes=1_000_000), scratch)
{program}
"""


def confined(tmp_path: Path, program: str, seconds: float = 60) -> subprocess.CompletedProcess:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", CONFINED.format(seconds=seconds, program=program), scratch]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "program",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.create_connection(('127.0.0.1', 1))",
        "subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "open('outside', 'w')",
        "open(scratch.parent / 'there', 'a')",
        "os.mkdir('outside')",
        "os.symlink('/etc/passwd', 'outside')",
        "os.unlink(scratch.parent / 'there')",
        "os.truncate(scratch.parent / 'there', 0)",
        "os.rename(scratch.parent / 'there', scratch / 'there')",
    ],
)
def test_it_reaches_nobody_starts_nothing_and_writes_nowhere_else(program: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept")
    ended = confined(tmp_path, program)
    assert "PermissionError" in ended.stderr.splitlines()[-1]
    assert (tmp_path / "there").read_text() == "kept"
    assert not (tmp_path / "outside").exists()


def test_a_thread_of_it_is_bound_too(tmp_path: Path) -> None:
    program = """
def reach():
    try:
        socket.socket()
    except PermissionError:
        print("refused")
thread = threading.Thread(target=reach)
thread.start()
thread.join()
"""
    assert confined(tmp_path, program).stdout == "refused\n"


def test_it_may_read_and_write_in_its_scratch_folder(tmp_path: Path) -> None:
    program = "(scratch / 'a').write_text('x' * 100); print((scratch / 'a').read_text()[:1]); (scratch / 'a').unlink()"
    assert confined(tmp_path, program).stdout == "x\n"


def test_memory_beyond_its_share_is_refused(tmp_path: Path) -> None:
    assert confined(tmp_path, "bytearray(3_000_000_000)").stderr.endswith("MemoryError\n")


def test_a_file_beyond_its_share_is_refused(tmp_path: Path) -> None:
    program = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); (scratch / 'a').write_bytes(bytes(2_000_000))"
    )
    assert "File too large" in confined(tmp_path, program).stderr


def test_a_loop_without_end_is_ended(tmp_path: Path) -> None:
    assert confined(tmp_path, "while True: pass", seconds=0.1).returncode == -24  # SIGXCPU


def test_limits_come_back_as_they_were_sent() -> None:
    limits = Limits(memory_bytes=1, seconds=2.5)
    assert Limits.from_json(limits.to_json()) == limits
