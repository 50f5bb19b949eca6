"""An export whose child process dies, and one that dies itself: nothing is published, nobody is left (F4, F13)."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasmed.errors import ContractError
from kerasmed.export.publish import export_run_model
from tests.fakes.networks import hard_network, hard_spec

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
EXPORT = """
import sys
from pathlib import Path
from kerasmed.runtime import use_backend

use_backend(sys.argv[2])
from kerasmed.export.publish import export_run_model
from tests.fakes.networks import hard_network, hard_spec

export_run_model(hard_network(), hard_spec(), ["onnx"], Path(sys.argv[1]), "hard", {})
"""


def export_children(of: int | str = "self") -> list[int]:
    """Process numbers of the export children that a process has started and that have begun."""
    tasks = Path(f"/proc/{of}/task").glob("*/children")
    return [int(pid) for children in tasks for pid in children.read_text().split() if _is_export(pid)]


def _is_export(pid: str) -> bool:
    try:
        return b"kerasmed.export.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def wait_for_child(of: int | str = "self") -> int:
    until(lambda: export_children(of), PATIENCE_S)
    return export_children(of)[0]


def until(is_so: Callable[[], object], patience_s: float) -> None:
    last = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_child_that_is_ended_by_a_signal_is_told_by_its_name(number, one_backend, tmp_path: Path) -> None:
    def end_child() -> None:
        child = wait_for_child()
        time.sleep(0.5)
        subprocess.run(["kill", f"-{number.value}", str(child)], check=True)

    killer = threading.Thread(target=end_child)
    killer.start()
    with pytest.raises(ContractError, match=f"the child process ended with {number.name}"):
        export_run_model(hard_network(), hard_spec(), ["onnx"], tmp_path / "saved", "hard", {})
    killer.join()
    assert [path.name for path in (tmp_path / "saved" / "hard").iterdir()] == [".lock"]


def test_the_child_of_an_export_that_is_killed_dies_too(one_backend: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", EXPORT, tmp_path / "saved", one_backend]
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL) as export:
        child = wait_for_child(export.pid)
        until(lambda: "tensorflow" in Path(f"/proc/{child}/maps").read_text(), PATIENCE_S)
        export.kill()
    until(lambda: not _is_export(str(child)), 2.0)  # of itself it would go on for several seconds
    visible = [path.name for path in (tmp_path / "saved" / "hard").iterdir() if not path.name.startswith(".")]
    assert visible == []
