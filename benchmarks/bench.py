"""`make bench`: what kerasmed costs beside wfdb and bare keras, side by side in one run.

Every pair is measured in turns (A B A B), so that other work on the machine falls on both. Data: the MIT-BIH records of
KERASMED_DATA where it is set, else simulated ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasmed.data.dataset import Dataset

CHILD, FEED, DIGITIZE, LOADER = (
    Path(__file__).with_name(f"{name}_child.py") for name in ("fit", "feed", "digitize", "loader")
)
PAGES_MODEL = Path(__file__).parents[1] / "saved_models" / "ecg_pages"
BACKENDS = ("jax", "torch", "tensorflow")
# Beats, twelve leads, pictures.
LOADED, ENGINES = ("mitbih_ds1", "ptbxl_superdiagnostic", "pneumoniamnist"), ("grain", "tfdata")
# The networks that `benchmarks/native` has, on the data they are for.
BESIDE_NATIVE = ("mitbih_ds1", "ptbxl_superdiagnostic model=ecg_transformer", "pneumoniamnist", "adrenalmnist3d")
PARTS = ("reading", "preparing", "starting", "digitizing", "native", "loading", "fitting", "feeding")
FEW_RECORDS, MANY_RECORDS = 300, 7000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--parts", default=",".join(PARTS), help="what is measured, of %(default)s")
    words = parser.parse_args()
    if unknown := set(words.parts.split(",")) - {*PARTS}:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as scratch:
        rows = [row for part in words.parts.split(",") for row in _measured(part, words, Path(scratch))]
    width = max(len(row["what"]) for row in rows)
    for row in rows:
        print(f"{row['what']:<{width}}  {row['value']:>10}  {row['target']}")
    if words.json:
        words.json.write_text(json.dumps(rows, indent=2) + "\n")


def _measured(part: str, words: argparse.Namespace, scratch: Path) -> list[dict[str, str]]:
    folder, annotator = _records(scratch)
    names, repeats, backends = words.backends, words.repeats, words.backends.split(",")
    demo = f"demo_beats dataset.folder={folder.name} --data-dir {folder.parent}"
    beside = BESIDE_NATIVE if "KERASMED_DATA" in os.environ else (demo,)
    parts: dict[str, Callable[[], list[dict[str, str]]]] = {
        "reading": lambda: _reading(folder, annotator, repeats),
        "preparing": lambda: _preparing(repeats),
        "starting": lambda: _starting(repeats),
        "digitizing": lambda: _digitizing(scratch),
        "native": lambda: [row for run in beside for row in _beside_native(run, names, scratch, repeats)],
        "loading": lambda: [row for run in LOADED for row in _loading(run, names, scratch, repeats)],
        "fitting": lambda: [row for backend in backends for row in _fitting(backend, folder, scratch, repeats)],
        "feeding": lambda: [row for backend in backends for row in _feeding(backend, scratch)],
    }
    return parts[part]()


def _records(scratch: Path) -> tuple[Path, str]:
    named = os.environ.get("KERASMED_DATA")
    if named and (Path(named) / "mitdb").is_dir():
        return Path(named) / "mitdb", "atr"
    from kerasmed.data.simulate.ecg_beats import simulate_ecg_beats

    if not (scratch / "ecg_beats").is_dir():
        simulate_ecg_beats(scratch / "ecg_beats", num_patients=8, duration_s=1800)
    return scratch / "ecg_beats", "atr"


def _reading(folder: Path, annotator: str, repeats: int) -> list[dict[str, str]]:
    import warnings

    import wfdb

    from kerasmed.config.dataset import WfdbBeats
    from kerasmed.data.prepared import BadRecordPolicy, prepare
    from kerasmed.data.readers.wfdb import read_annotations, read_record
    from kerasmed.data.sources.wfdb_beats import build_wfdb_beats

    warnings.simplefilter("ignore")
    headers = sorted(path for path in folder.glob("*.hea") if path.with_suffix(f".{annotator}").exists())
    config = WfdbBeats(folder=folder.name, annotator=annotator)
    # Records without the lead of the model are left out by every user; here too, so that both sides read the same.
    dataset = build_wfdb_beats(config, folder.parent)

    def by_wfdb() -> None:
        for header in headers:
            wfdb.rdrecord(str(header.with_suffix("")))
            wfdb.rdann(str(header.with_suffix("")), annotator)

    def by_us() -> None:
        for header in headers:
            read_annotations(header.with_suffix(f".{annotator}"), len(read_record(header).signal_mv))

    def whole_prepare() -> None:
        with tempfile.TemporaryDirectory() as cache:
            prepare(dataset, Path(cache), BadRecordPolicy(max_rate=1.0))

    wfdb_s, ours_s, prepare_s = _in_turns([by_wfdb, by_us, whole_prepare], repeats)
    count = len(headers)
    return [
        _row(f"wfdb.rdrecord + rdann, {count} records", f"{wfdb_s:.3f} s", ""),
        _row("read records and annotations / wfdb", f"{ours_s / wfdb_s:.3f}", "at most 0.1"),
        _row("whole prepare / wfdb", f"{prepare_s / wfdb_s:.3f}", "at most 1.0"),
    ]


def _preparing(repeats: int) -> list[dict[str, str]]:
    """Records a second of a whole prepare of PTB-XL, quality checks included, over those of bare `wfdb.rdrecord`."""
    named = os.environ.get("KERASMED_DATA")
    if not named or not (Path(named) / "ptbxl").is_dir():
        return [_row("prepare of PTB-XL / wfdb", "-", "needs ptbxl below KERASMED_DATA")]
    import resource
    from dataclasses import replace

    import wfdb

    from kerasmed.config.dataset import Ptbxl
    from kerasmed.data.prepared import BadRecordPolicy, prepare
    from kerasmed.data.sources.ptbxl import build_ptbxl

    few = build_ptbxl(Ptbxl(allow_missing=True), Path(named))
    few = replace(few, records=few.records[:FEW_RECORDS])
    # The same files over and over, where there are only some, show what many records would: processes, and flat memory.
    times = -(-MANY_RECORDS // len(few.records))
    many = replace(few, records=few.records * times)

    def by_wfdb() -> None:
        for record in few.records:
            wfdb.rdrecord(str(record.files[0].with_suffix("")))

    def whole_prepare(dataset: "Dataset") -> None:
        with tempfile.TemporaryDirectory() as cache:
            prepare(dataset, Path(cache), BadRecordPolicy(max_rate=1.0))

    actions = [by_wfdb, lambda: whole_prepare(few), lambda: whole_prepare(many)]
    wfdb_s, few_s, many_s = _in_turns(actions, repeats)
    count = len(few.records)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return [
        _row(f"wfdb.rdrecord, {count} records of PTB-XL", f"{count / wfdb_s:.0f}/s", ""),
        _row(f"prepare of {count} / wfdb", f"{wfdb_s / few_s:.2f}", ""),
        _row(f"prepare of {count * times} / wfdb", f"{wfdb_s * times / many_s:.2f}", "at least 5"),
        _row("peak memory of this process until then", f"{peak_mb:.0f} MB", ""),
    ]


def _starting(repeats: int) -> list[dict[str, str]]:
    program = Path(sys.executable).with_name("kerasmed")
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "KERASMED_DATA": empty}

        def helps() -> None:
            subprocess.run([program, "--help"], stdout=subprocess.DEVNULL, check=True)

        def dry_run() -> None:
            words = [program, "train", "mitbih_ds1", "--dry-run"]
            subprocess.run(words, stdout=subprocess.DEVNULL, check=True, env=environment)

        help_s, dry_s = _in_turns([helps, dry_run], 3 * repeats)
    return [
        _row("kerasmed --help", f"{help_s:.3f} s", "below 0.1 s"),
        _row("kerasmed train --dry-run", f"{dry_s:.3f} s", "below 0.5 s"),
    ]


def _fitting(backend: str, folder: Path, scratch: Path, repeats: int) -> list[dict[str, str]]:
    sides = ("ours", "bare", "saving", "not_saving")
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for turn in range(repeats):
        for side in sides if turn % 2 == 0 else reversed(sides):
            words = [sys.executable, str(CHILD), backend, side, str(folder), str(scratch)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                return [_row(f"fit on {backend}", "failed", done.stderr.strip().splitlines()[-1])]
            found[side].append(json.loads(done.stdout.splitlines()[-1]))
    speed = {side: statistics.median(run["examples_per_s"] for run in runs) for side, runs in found.items()}
    memory = {side: max(run["peak_mb"] for run in runs) for side, runs in found.items()}
    return [
        _row(f"bare keras.Model.fit on {backend}", f"{speed['bare']:.0f}/s", f"peak memory {memory['bare']:.0f} MB"),
        _row(f"fit on {backend} / bare keras", f"{speed['ours'] / speed['bare']:.3f}", "at least 0.95"),
        _row(
            f"epoch with a checkpoint / without on {backend}",
            f"{speed['saving'] / speed['not_saving']:.3f}",
            "at least 0.98",
        ),
        _row(f"peak memory of fit on {backend}", f"{memory['ours']:.0f} MB", ""),
    ]


def _feeding(backend: str, scratch: Path) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, str(FEED), backend, str(scratch)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [_row(f"loader of pictures on {backend}", "failed", done.stderr.strip().splitlines()[-1])]
    speed = json.loads(done.stdout.splitlines()[-1])
    return [
        _row(f"step on pictures in memory on {backend}", f"{speed['in_memory']:.0f}/s", ""),
        _row(f"the same step fed by the loader / in memory on {backend}",
             f"{speed['loaded'] / speed['in_memory']:.3f}", "at least 0.95"),
    ]  # fmt: skip


def _loading(run: str, backends: str, scratch: Path, repeats: int) -> list[dict[str, str]]:
    """The loader alone beside the fastest step of the run that `kerasmed benchmark` finds on any backend."""
    out = scratch / f"loading_{run}"
    step = [
        str(Path(sys.executable).with_name("kerasmed")), "benchmark", run, "--backends", backends,
        "--parity-steps", "0", "--repeats", str(repeats), "--out", str(out),
    ]  # fmt: skip
    for words in (step, [sys.executable, str(LOADER), run, ",".join(ENGINES)]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            return [_row(f"loader of {run}", "failed", (done.stderr.strip() or done.stdout).splitlines()[-1])]
    found = json.loads((out / "benchmark.json").read_text())["rows"]
    fastest = max((row for row in found if row["turns"]), key=lambda row: row["examples_per_s"])
    speeds = json.loads(done.stdout.splitlines()[-1])["examples_per_s"]
    rows = [
        _row(
            f"fastest step of {run}, batch {fastest['batch_size']}",
            f"{fastest['examples_per_s']:.0f}/s",
            fastest["name"],
        )
    ]
    for engine, speed in speeds.items():
        rows.append(_row(f"loader of {run} by {engine} alone", f"{speed:.0f}/s", ""))
        rows.append(_row(f"loader by {engine} / that step", f"{speed / fastest['examples_per_s']:.1f}", "at least 20"))
    return rows


def _digitizing(scratch: Path) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, str(DIGITIZE), str(PAGES_MODEL), str(scratch)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [_row("kerasmed digitize", "failed", done.stderr.strip().splitlines()[-1])]
    rows = []
    for size, told in json.loads(done.stdout.splitlines()[-1]).items():
        memory = f"peak memory {told['peak_mb']} MB, of the network's process {told['network_peak_mb']} MB"
        rows.append(_row(f"kerasmed digitize, a page of {size}", f"{told['page_s']:.2f} s", memory))
    return rows


def _beside_native(run: str, backends: str, scratch: Path, repeats: int) -> list[dict[str, str]]:
    """Our training over the fastest native loop of its backend, by `kerasmed benchmark`; `run` with its settings."""
    out = scratch / f"beside_native_{run.split()[0]}"
    words = [
        str(Path(sys.executable).with_name("kerasmed")), "benchmark", *run.split(), "--native", "--backends", backends,
        "--batch-sizes", "32,256", "--parity-steps", "0", "--repeats", str(repeats), "--out", str(out),
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return [_row(f"{run.split()[0]} beside native loops", "failed", done.stderr.strip().splitlines()[-1])]
    found = json.loads((out / "benchmark.json").read_text())["rows"]
    return [
        _row(
            f"{row['name']} / native, {run.split()[0]}, batch {row['batch_size']}",
            "failed" if row["beside_native"] is None else f"{row['beside_native']:.3f}",
            row["reason"] or "at least 0.95",
        )
        for row in found
        if row["program"] == "kerasmed"
    ]


def _in_turns(actions: list[Callable[[], None]], repeats: int) -> list[float]:
    """Seconds of each action: the median over `repeats` turns after one to warm up."""
    seconds: list[list[float]] = [[] for _ in actions]
    for turn in range(repeats + 1):
        for taken, action in zip(seconds, actions, strict=True):
            start = time.perf_counter()
            action()
            if turn:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def _row(what: str, value: str, target: str) -> dict[str, str]:
    return {"what": what, "value": value, "target": target}


if __name__ == "__main__":
    main()
