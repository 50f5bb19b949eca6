"""What memory a process cannot do without: pages that no file backs, over time. Linux only."""

import threading
import time
from pathlib import Path

EVERY_S = 0.05


def private_bytes() -> int:
    """Resident memory of this process that no file backs."""
    return _status("RssAnon")


def highest_resident_bytes() -> int:
    """Largest resident set so far: private memory and every page of a memory map that the kernel has not dropped."""
    return _status("VmHWM")


class Sampler(threading.Thread):
    """Private memory over time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: list[int] = []
        self.ended = threading.Event()

    def run(self) -> None:
        """Sample until the block ends."""
        while not self.ended.is_set():
            self.seen.append(private_bytes())
            time.sleep(EVERY_S)

    def __enter__(self) -> "Sampler":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
