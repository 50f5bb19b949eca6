"""An operation, run once for each fault at each of its steps; after every case the invariants of docs/faults.md."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasmed.errors import KerasmedError
from tests.faults.fault_fs import DEATHS, ERRORS, Died, Fault, FaultDisk

_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Operation:
    """Something that changes the disk beneath a root.

    Attributes:
        name: Of the operation.
        begin: Writes the starting state; run once, copied for each case.
        act: The operation. It may be run again after any end of itself.
        whole: Raises `AssertionError` where a reader could meet anything half, damaged or gone.
        right: Raises `AssertionError` where the state is not that of an operation that ended well, without a remainder.
    """

    name: str
    begin: Callable[[Path], object]
    act: Callable[[Path], object]
    whole: Callable[[Path], object]
    right: Callable[[Path], object]


@dataclass
class Visited:
    """What was visited and what broke.

    Attributes:
        name: Of the operation.
        steps: Every step of it without a fault, in order.
        cases: Faults by their number.
        broken: A line for each case that broke an invariant.
        unseen: Files that came about without a step.
    """

    name: str
    steps: list[str] = field(default_factory=list)
    cases: Counter[Fault] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table that `make faults` prints."""
        told = ", ".join(f"{self.cases[fault]} {fault.value}" for fault in Fault)
        return f"{self.name}: {len(self.steps)} steps, {self.cases.total()} cases ({told}), {len(self.broken)} broken"


EVERY = (tuple(Fault),)
# At each step one error and one death, of either the two kinds in turn.
IN_TURN = ((Fault.FULL, Fault.DEATH, Fault.SHORT), (Fault.IO, Fault.POWER, Fault.SHORT))


def visit(operation: Operation, scratch: Path, faults: Sequence[Sequence[Fault]] = EVERY, stride: int = 1) -> Visited:
    """Faults at every `stride`-th step of `operation`; the groups of `faults` take turns from step to step."""
    template = scratch / "start"
    template.mkdir(parents=True)
    operation.begin(template)
    root = _fresh(template, scratch)
    with FaultDisk(root).on() as disk:
        operation.act(root)
    operation.whole(root)
    operation.right(root)
    visited = Visited(operation.name, [_HEX.sub("*", step) for step in disk.steps], unseen=disk.unseen)
    for at, fault in _cases(visited.steps, faults, stride):
        visited.cases[fault] += 1
        found = _broken(operation, _fresh(template, scratch), at, fault)
        if found:
            visited.broken.append(f"{operation.name}, step {at} ({visited.steps[at - 1]}), {fault.value}: {found}")
    found = _lost(operation, _fresh(template, scratch))
    if found:
        visited.broken.append(f"{operation.name}, after the last step (the end), {Fault.POWER.value}: {found}")
    shutil.rmtree(scratch)
    return visited


def _cases(steps: list[str], faults: Sequence[Sequence[Fault]], stride: int) -> Iterator[tuple[int, Fault]]:
    for turn, at in enumerate(range(1, len(steps) + 1, stride)):
        for fault in faults[turn % len(faults)]:
            if fault is not Fault.SHORT or steps[at - 1].startswith("write "):
                yield at, fault


def _fresh(template: Path, scratch: Path) -> Path:
    root = scratch / "root"
    if root.exists():
        shutil.rmtree(root)
    return Path(shutil.copytree(template, root))


def _broken(operation: Operation, root: Path, at: int, fault: Fault) -> str:
    """What an operation that met a fault, and was then run again, did wrong; nothing where all is well."""
    with FaultDisk(root, at, fault).on() as disk:
        error = _ended(operation.act, root)
    wrong = _wrongly_told(disk, error)
    if wrong:
        return wrong
    stages = [("after the fault", operation.whole), ("run again", _unhindered(operation))]
    stages += [("in the end", operation.whole), ("in the end", operation.right)]
    if error is None and disk.told:
        stages.insert(0, ("said to have ended well", operation.right))
    for stage, check in stages:
        found = _ended(check, root)
        if found is not None:
            return f"{stage}: {type(found).__name__}: {found}"
    return ""


def _lost(operation: Operation, root: Path) -> str:
    """What an operation that ended well has not made durable."""
    with FaultDisk(root).on() as disk:
        operation.act(root)
        disk.cut_power()
    found = _ended(operation.right, root)
    return "" if found is None else f"{type(found).__name__}: {found}"


def _unhindered(operation: Operation) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        with FaultDisk(root).on():  # nothing fails, and nothing waits for a real disk
            operation.act(root)

    return act


def _wrongly_told(disk: FaultDisk, error: BaseException | None) -> str:
    if not (disk.dead or disk.told):
        return "the step was not reached"
    if disk.fault in DEATHS or error is None:  # a fault that was borne is right if the state is
        return ""
    if not isinstance(error, KerasmedError | OSError):
        return f"told as {type(error).__name__}: {error}"
    if os.strerror(ERRORS[disk.fault]) not in str(error):
        return f"the cause is not named: {error}"
    return "" if disk.root in str(error) else f"the place is not named: {error}"


def _ended(act: Callable[[Path], Any], root: Path) -> BaseException | None:
    try:
        act(root)
    except (Exception, Died) as error:  # noqa: BLE001 - whatever comes is what is looked at
        return error
    return None
