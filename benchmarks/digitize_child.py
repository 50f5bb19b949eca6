"""Seconds and memory of `kerasmed digitize` for a page, on simulated pages of two sizes.

`digitize_child.py MODEL SCRATCH`

Prints, by size of the page, the median of seconds from the file to the leads, and the peak memory of this process and
of the process that runs the network.
"""

import json
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

from kerasmed.config.pages import EcgPages
from kerasmed.data.simulate.ecg_pages import simulate_ecg_pages
from kerasmed.inference.digitize.page import Wishes
from kerasmed.workflows.digitize import digitize_pages
from kerasmed.workflows.predict import open_model

PAGES, SCALES = 4, (1, 2)


def main(model: Path, scratch: Path) -> None:
    found = {}
    for scale in SCALES:
        folder = scratch / f"pages_{scale}"
        settings = EcgPages(pages=PAGES, look="mixed", layouts=("3x4+1",), enlarge=(float(scale),))
        simulate_ecg_pages(folder, settings, None, lambda done, total: None)
        network, times = open_model(model), [time.perf_counter()]
        _, faults = digitize_pages(
            (folder / "images",), None, Wishes(), network,
            progress=lambda done, total, times=times: times.append(time.perf_counter()),
        )  # fmt: skip
        seconds = [after - before for before, after in pairwise(times)]
        found[f"{settings.width * scale} x {settings.height * scale}"] = {
            "page_s": statistics.median(seconds), "failed": len(faults),
            "peak_mb": peak_mb("self"), "network_peak_mb": max(map(peak_mb, children()), default=0),
        }  # fmt: skip
    print(json.dumps(found))


def children() -> list[str]:
    """Processes of this one."""
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def peak_mb(pid: str) -> int:
    """Highest resident memory of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
