"""`make scale`: examples a second and memory of training as data, leads, length and batch grow.

Each point is a process of its own (scale_child.py) that opens a prepared set of simulated signals on disk and fits.
The growing set is read by a light network, so that a loader that lags is seen; the rest by the network of PTB-XL.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scale_child import opened

from kerasmed import runtime

CHILD = Path(__file__).with_name("scale_child.py")
EXAMPLES, FEW, NUM_LEADS, LENGTH_S, BATCH = 1024, 640, 12, 2.5, 128
# A schedule knows the steps of an epoch, and would be compiled anew for every size of the set.
LIGHT = (
    "model=se_resnet1d_beat", "model.stem_stride=4", "loader.batch_size=32", "evaluation.batch_size=64",
    "trainer.schedule=constant", "trainer.warmup_epochs=0", "trainer.epochs=2",
)  # fmt: skip
TIMES, LEADS, LENGTHS_S, BATCHES = (1, 10, 100), (1, 2, 6, 12), (2.5, 5.0, 10.0), (8, 16, 32, 64, 128, 256)
# Of the chart, above and below: what a line shows, and what a dotted one.
SHOWN = ("examples_per_s", "examples_per_cpu_s"), ("private_mb", "resident_mb")
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Point:
    """One training: the series that it belongs to, what grows there, the shape of its data, and words of its run."""

    series: str
    value: float
    backend: str
    examples: int = FEW
    num_leads: int = NUM_LEADS
    length_s: float = LENGTH_S
    words: tuple[str, ...] = (f"loader.batch_size={BATCH}", "trainer.epochs=2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", default="jax,torch,tensorflow", help="of the growing set; the first for the rest")
    parser.add_argument("--series", default="first,data,leads,length_s,batch")
    parser.add_argument("--repeats", type=int, default=1, help="of each point; the median is told")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--chart", type=Path, help="also draw them into this file")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="kerasmed-scale-") as compiled:
        for point in points(asked.backends.split(",")):
            if point.series in asked.series.split(","):
                found.append({**asdict(point), **measured(point, asked.repeats, Path(compiled))})
                print(line(found[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    if asked.chart:
        show(found, asked.chart)


def points(backends: list[str]) -> Iterator[Point]:
    """Every point, series by series; the first one compiles what those of the growing set find compiled."""
    for backend in backends:
        yield Point("first", 1, backend, EXAMPLES, words=LIGHT)
        for times in TIMES:
            yield Point("data", times, backend, EXAMPLES * times, words=LIGHT)
    first = backends[0]
    yield from (Point("leads", count, first, num_leads=count) for count in LEADS)
    yield from (Point("length_s", length_s, first, length_s=length_s) for length_s in LENGTHS_S)
    for size in BATCHES:
        yield Point("batch", size, first, words=(f"loader.batch_size={size}", "trainer.epochs=2"))


def measured(point: Point, repeats: int, compiled: Path) -> dict[str, Any]:
    """The median of what the processes of a point tell.

    Compiling takes more memory than training, and now more, now less: the growing set, whose shapes are always the
    same, shares what is compiled; every other point compiles for itself, as a first start does.
    """
    told, alone = [], f"{point.series} {point.value}"
    kept = compiled / (point.backend if point.series in ("first", "data") else alone)
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="kerasmed-scale-") as scratch:
            order = {**asdict(point), "words": [f"backend={point.backend}", "crops.length_s=null", *point.words]}
            opened(order, Path(scratch))  # prepared here, so that the memory of the child is that of training
            done = subprocess.run(
                [sys.executable, str(CHILD), json.dumps(order), scratch], capture_output=True, text=True, check=False,
                timeout=TIMEOUT_S, env={**os.environ, **runtime.compiled_once(kept)},
            )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{point}: {done.stderr.strip().splitlines()[-1]}")
        told.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: sorted(one[name] for one in told)[(repeats - 1) // 2] for name in told[0]}


def line(found: dict[str, Any]) -> str:
    """What was found of a point."""
    return (
        f"{found['series']:<9} {found['value']:>5g} {found['backend']:<11} {found['examples_per_s']:>9,.0f}/s"
        f"   {found['examples_per_cpu_s']:>7,.0f} a processor second"
        f"   loader {found['loader_per_s']:>9,.0f}/s   set {found['set_mb']:>5.0f} MB"
        f"   private {found['private_mb']:>5.0f} MB   resident {found['resident_mb']:>5.0f} MB"
    )


def show(found: list[dict[str, Any]], path: Path) -> None:
    """Speed above, memory below, a column for each series."""
    from matplotlib.figure import Figure

    from kerasmed.evaluation.plots import COLORS, save

    titles = {"data": "Times the data", "leads": "Leads", "length_s": "Length, s", "batch": "Batch size"}
    names = [name for name in titles if any(point["series"] == name for point in found)]
    figure = Figure(figsize=(2.6 * len(names), 5.6), layout="constrained")
    panels = figure.subplots(2, len(names), squeeze=False, sharex="col")
    for (speed, memory), name in zip(panels.T, names, strict=True):
        series = [point for point in found if point["series"] == name]
        for color, backend in zip(COLORS, dict.fromkeys(point["backend"] for point in series), strict=False):
            mine = [point for point in series if point["backend"] == backend]
            values = [point["value"] for point in mine]
            for axes, (whole, dotted) in zip((speed, memory), SHOWN, strict=True):
                style = {"color": color, "marker": "o", "markersize": 4}
                axes.plot(values, [point[whole] for point in mine], **style, label=backend)
                axes.plot(values, [point[dotted] for point in mine], ":", **style)
        for axes in (speed, memory):
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xscale("log", base=2)
            axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
            axes.set_xticks(ticks := sorted({point["value"] for point in series}), [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        memory.set_xlabel(titles[name])
    panels[0, 0].set_ylabel("Examples a second\n(dotted: a processor second)")
    panels[1, 0].set_ylabel("Peak memory, MB\n(dotted: with mapped pages)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
    save(figure, path)


if __name__ == "__main__":
    main()
