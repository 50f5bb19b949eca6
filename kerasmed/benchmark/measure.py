"""kerasmed benchmark: starts a process for each cell, lets them run in turns, and gathers what they say.

The processes of cells that are compared live side by side, and one of them runs at a time (decision 0060).
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import kerasmed
from kerasmed import files, runtime
from kerasmed.benchmark.cells import NATIVE, OURS, Cell, Plan, config_of, without_chance, without_changes
from kerasmed.benchmark.processes import MODULE, CellError, Child
from kerasmed.benchmark.results import Found, Row, Turn, Work
from kerasmed.config.load import resolved_yaml
from kerasmed.config.run import Backend, RunConfig
from kerasmed.data.prepared import Progress
from kerasmed.spec import ExampleSpec
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material
from kerasmed.workflows.run_folder import environment

log = logging.getLogger(__name__)
WRITE_TIMEOUT_S, TURN_TIMEOUT_S = 1800.0, 1800.0
MOST_STEPS, MOST_SINGLE_STEPS, MOST_SETTLING, FIRST_STEPS = 1000, 30, 300, 4
# Beyond this a step is waited for by itself, without a part of the turn in which nobody waits.
SLOW_STEP_S = 0.1
LARGE_ANSWER = 256
FORMATS: tuple[tuple[str, Backend], ...] = (("saved_model", "tensorflow"), ("onnx", "tensorflow"))
NATIVE_CHILD = Path(kerasmed.__file__).resolve().parent.parent / "benchmarks" / "native" / "child.py"


@dataclass
class _Running:
    """A cell whose process waits for its turn."""

    cell: Cell
    child: Child
    ready: dict[str, Any]
    turns: list[Turn] = field(default_factory=list)


def benchmark(plan: Plan, places: Places, progress: Progress | None = None) -> Found:
    """Measure what `plan` asks for; no backend is loaded in this process.

    Args:
        plan: The cells.
        places: Where data and prepared sets lie.
        progress: Called with (records done, records in all) while data are prepared.
    """
    if plan.native:
        plan = replace(plan, config=without_changes(plan.config))
    load_before = os.getloadavg()
    material = gather_material(plan.config.dataset, plan.config.seed, places, progress)
    with tempfile.TemporaryDirectory(prefix="kerasmed-benchmark-") as scratch:
        bench = Bench(plan, places, Path(scratch), material.prepared.spec)
        with starting():
            flops = bench.count_flops()
            parity = bench.compare_losses() if plan.parity_steps else {}
        rows = [row for group in plan.groups() for row in bench.train(group)]
        rows += bench.answer() if plan.inference else []
        until = bench.train_until() if plan.until else None
    facts = {**environment(), "processor": processor(), "load": {"before": load_before, "after": os.getloadavg()}}
    return Found(plan.config.name, rows, flops, parity, until, facts, notes_on(plan))


def starting() -> AbstractContextManager[None]:
    """Benchmarks on this machine start processes side by side, and not while one of them measures."""
    return _lock_of_machine(shared=True)


def measuring() -> AbstractContextManager[None]:
    """No other benchmark on this machine measures or starts processes."""
    return _lock_of_machine(shared=False)


def _lock_of_machine(shared: bool) -> AbstractContextManager[None]:
    path = Path(tempfile.gettempdir()) / f"kerasmed-benchmark-{os.getuid()}.lock"
    return files.locked(path, shared, lambda: log.info("waits for another benchmark on this machine (%s)", path))


def notes_on(plan: Plan) -> tuple[str, ...]:
    """What a reader of the results must know of the plan."""
    notes = []
    if plan.native:
        notes.append("native loops neither augment nor crop and keep their batches in memory; here nobody augments")
        if not NATIVE_CHILD.is_file():
            notes.append("native loops are part of the checkout (benchmarks/native), and this is an installed package")
    if plan.start_together:
        notes.append("all cells started at once: their first steps waited for each other's")
    return (*plan.notes, *notes)


def processor() -> str:
    """What the processor calls itself; "" where nobody says."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@dataclass(frozen=True)
class Bench:
    """The processes of a benchmark, and the files that they share in `scratch`."""

    plan: Plan
    places: Places
    scratch: Path
    spec: ExampleSpec

    def count_flops(self) -> dict[str, float] | None:
        """Operations for one example; None where jax is not there to count them."""
        cell = replace(self.plan.groups()[0][0], backend="jax", device="cpu", precision="float32")
        try:
            with self._child(cell, "flops") as child:
                return child.ask(self._order(cell, "flops"), self.plan.start_timeout_s)
        except CellError as error:
            log.info("operations were not counted: %s", error)
            return None

    def train(self, cells: Sequence[Cell]) -> list[Row]:
        """A row for each of the cells, which run in turns."""
        rows = self._in_turns(cells, "train", lambda cell: self._order(cell, "train"))
        return [self._started_again(row) if self.plan.second_start else row for row in rows]

    def compare_losses(self) -> dict[str, list[float]]:
        """Losses over the first steps on each backend, without chance, by name of the cell."""
        found = {}
        cells = self.plan.groups()[0]
        for cell in cells:
            if cell.program != OURS or cell.place != cells[0].place:
                continue
            try:
                with self._child(cell, "parity") as child:
                    child.ask(self._order(cell, "train", without_chance(self.plan.config)), self.plan.start_timeout_s)
                    child.ask({"steps": self.plan.parity_steps, "each": 0}, TURN_TIMEOUT_S)
                    found[cell.name] = child.ask({"finish": True}, TURN_TIMEOUT_S)["losses"][: self.plan.parity_steps]
            except CellError as error:
                log.info("%s: losses were not compared: %s", cell.name, error)
        return found

    def answer(self) -> list[Row]:
        """Rows of answers, one example at a time and many: keras on each backend, exported files, and plain PyTorch."""
        first, folder = self.plan.groups()[0][0], self.scratch / "formats"
        folder.mkdir()
        failures = self._write_formats(replace(first, precision="float32"), folder)
        rows = []
        for size in (1, LARGE_ANSWER):
            ours = [
                Cell(OURS, backend, device, "float32", size)
                for device in self.plan.devices
                for backend in self.plan.backends
            ]
            written = [Cell(name, backend, "cpu", "float32", size) for name, backend in FORMATS]
            plain = [
                Cell(NATIVE, "torch", device, "float32", size, "eager")
                for device in self.plan.devices
                if self.plan.native and "torch" in self.plan.backends
            ]
            good = [*ours, *(cell for cell in written if cell.program not in failures), *plain]
            rows += self._in_turns(good, "answer", lambda cell: self._answer_order(cell, folder))
            rows += [Row(cell, "answer", reason=failures[cell.program]) for cell in written if cell.program in failures]
        return rows

    def train_until(self) -> dict[str, Any]:
        """When a whole training of each cell of ours reached the metric."""
        assert self.plan.until is not None
        metric, value = self.plan.until
        found: dict[str, Any] = {}
        for cell in (cell for group in self.plan.groups() for cell in group if cell.program == OURS):
            name = f"{cell.name}, {cell.device}, {cell.precision}, {cell.batch_size}"
            log.info("%s trains until %s is %g", name, metric, value)
            try:
                with measuring(), self._child(cell, "until") as child:
                    order = {**self._order(cell, "until"), "until": [metric, value]}
                    told = child.ask(order, 24 * 3600.0)
                    reached = told["reached"]
                    found[name] = {**told, "seconds": None if reached is None else reached - child.begun}
            except CellError as error:
                found[name] = {"reason": str(error)}
        return {"metric": metric, "value": value, "cells": found}

    def _in_turns(self, cells: Sequence[Cell], work: Work, order: Callable[[Cell], dict[str, Any]]) -> list[Row]:
        rows: dict[Cell, Row] = {}
        with ExitStack() as stack:
            with starting():
                running = self._started(cells, work, order, stack, rows)
            with measuring():
                for turn in range(self.plan.repeats):
                    for one in running if turn % 2 == 0 else reversed(running):
                        if one.cell not in rows:
                            rows |= self._turn(one, work)
                for one in running:
                    if one.cell not in rows:
                        rows[one.cell] = _finished(one, work)
        return [rows[cell] for cell in cells]

    def _started(
        self, cells: Sequence[Cell], work: Work, order: Callable[[Cell], dict[str, Any]], stack: ExitStack,
        rows: dict[Cell, Row],
    ) -> list[_Running]:  # fmt: skip
        """Cells that wait for their first turn; those that could not be started get their row."""
        running = []
        together = self.plan.start_together and work == "train"
        for portion in [cells] if together else [[cell] for cell in cells]:
            begun: dict[Cell, Child] = {}
            for cell in portion:
                log.info("%s: %s starts, %s, batch size %d", work, cell.name, cell.precision, cell.batch_size)
                with _or_reason(cell, work, rows):
                    begun[cell] = stack.enter_context(self._child(cell, work))
                    begun[cell].tell(order(cell))
            for cell, child in begun.items():
                with _or_reason(cell, work, rows):
                    left_s = max(1.0, child.begun + self.plan.start_timeout_s - time.time())
                    running.append(_Running(cell, child, child.hear(left_s)))
        return running

    def _turn(self, one: _Running, work: Work) -> dict[Cell, Row]:
        """Let a cell run its steps; its row where it failed."""
        steps = self.plan.steps or round(self.plan.turn_s / one.ready["step_s"])
        steps = max(3, min(steps, MOST_STEPS))
        single = work == "answer" or one.ready["step_s"] > SLOW_STEP_S
        order = {"steps": 0, "each": steps} if single else {"steps": steps, "each": min(steps, MOST_SINGLE_STEPS)}
        try:
            found = one.child.ask(order, TURN_TIMEOUT_S)
        except CellError as error:
            return {one.cell: Row(one.cell, work, reason=str(error))}
        one.turns.append(Turn(found["steps"], found["seconds"], found["waited_s"], tuple(found["each_s"])))
        return {}

    def _started_again(self, row: Row) -> Row:
        if row.reason or row.cell.program != OURS:
            return row
        with self._child(row.cell, "train") as child:
            ready = child.ask(self._order(row.cell, "train"), self.plan.start_timeout_s)
        return replace(row, facts={**row.facts, "second_first_step_s": ready["first_step"] - child.begun})

    def _write_formats(self, cell: Cell, folder: Path) -> dict[str, str]:
        """Why formats could not be written, by name."""
        order = {**self._answer_order(cell, folder), "job": "write", "formats": [name for name, _ in FORMATS]}
        try:
            with self._child(cell, "write") as child:
                failures: dict[str, str] = child.ask(order, WRITE_TIMEOUT_S)["failures"]
        except CellError as error:
            return {name: str(error) for name, _ in FORMATS}
        return failures

    def _child(self, cell: Cell, purpose: str) -> Child:
        name = "-".join([purpose, *cell.name.split(), cell.device, cell.precision, str(cell.batch_size)])
        # What a first start compiles is its own, so that it is one; a second start finds it.
        compiled = {**runtime.compiled_once(self.scratch / name), "TORCHINDUCTOR_CACHE_DIR": str(self.scratch / name)}
        words = (str(NATIVE_CHILD),) if cell.program == NATIVE else MODULE
        if cell.program == NATIVE and not NATIVE_CHILD.is_file():
            raise CellError("benchmarks/native is not part of an installed package; use a checkout")
        # As in every process of ours: a native loop whose threads spin ran 7 times slower beside other work.
        compiled["OMP_WAIT_POLICY"] = "PASSIVE"
        return Child(words, {**runtime.only_device(cell.device), **compiled}, self.scratch / f"{name}.log")

    def _order(self, cell: Cell, job: str, config: RunConfig | None = None) -> dict[str, Any]:
        path = self.scratch / f"{files.digest([cell.to_json(), config is None])[:16]}.yaml"
        path.write_text(resolved_yaml(config_of(config or self.plan.config, cell)), encoding="utf-8")
        most = MOST_STEPS + MOST_SINGLE_STEPS + MOST_SETTLING
        steps = FIRST_STEPS + self.plan.repeats * min(most, 2 * (self.plan.steps or most) + MOST_SETTLING)
        places = {"data": self.places.data, "runs": self.places.runs, "cache": self.places.cache}
        return {
            "job": job, "config": str(path), "device": cell.device, "mode": cell.mode, "spec": self.spec.to_json(),
            "weights": str(self.scratch / "weights.npz"), "epoch_steps": steps,
            **{name: str(place.absolute()) for name, place in places.items()},
        }  # fmt: skip

    def _answer_order(self, cell: Cell, folder: Path) -> dict[str, Any]:
        form = "" if cell.program in (OURS, NATIVE) else cell.program
        more = {"format": form, "folder": str(folder), "backend": cell.backend, "batch_size": cell.batch_size}
        return {**self._order(cell, "answer"), **more}


@contextmanager
def _or_reason(cell: Cell, work: Work, rows: dict[Cell, Row]) -> Iterator[None]:
    """A cell that fails in the block gets its row."""
    try:
        yield
    except CellError as error:
        rows[cell] = Row(cell, work, reason=str(error))


def _finished(one: _Running, work: Work) -> Row:
    try:
        last: Mapping[str, Any] = one.child.ask({"finish": True}, TURN_TIMEOUT_S)
    except CellError as error:
        return Row(one.cell, work, reason=str(error))
    return Row(one.cell, work, tuple(one.turns), begun=one.child.begun, facts={**one.ready, **last})
