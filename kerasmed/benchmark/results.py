"""What a benchmark found: a row for each cell, with its turns or the reason why there are none."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kerasmed.benchmark.cells import OURS, Cell

Work = Literal["train", "answer"]


@dataclass(frozen=True)
class Turn:
    """Steps that one cell ran while the others waited.

    Attributes:
        steps: How many, each of one batch.
        seconds: They took together.
        waited_s: Of them for the loader.
        each_s: Time of single steps, each of which was waited for.
    """

    steps: int
    seconds: float
    waited_s: float
    each_s: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """A cell and what was found of it.

    Attributes:
        cell: What was measured.
        work: A step of training, or an answer.
        turns: In the order in which they were run; none where it failed.
        reason: Why it failed; "" where it did not.
        begun: When its process was started, in seconds since 1970.
        facts: What its process told: times, parameters, losses, memory.
    """

    cell: Cell
    work: Work
    turns: tuple[Turn, ...] = ()
    reason: str = ""
    begun: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def speeds(self) -> list[float]:
        """Examples a second of each turn."""
        return [turn.steps * self.cell.batch_size / turn.seconds for turn in self.turns]

    @property
    def speed(self) -> float | None:
        """Their median."""
        return statistics.median(self.speeds) if self.turns else None

    @property
    def wait_rate(self) -> float | None:
        """Share of the time that the loop waited for the loader; None where there is no loader."""
        if not self.turns or self.work == "answer" or self.cell.program != OURS:
            return None
        return sum(turn.waited_s for turn in self.turns) / sum(turn.seconds for turn in self.turns)

    @property
    def first_step_s(self) -> float | None:
        """From the start of the process to the end of its first step."""
        return self.facts["first_step"] - self.begun if "first_step" in self.facts else None

    def step_s(self, share: float) -> float | None:
        """Time of a single step that `share` of all stay below."""
        each = sorted(second for turn in self.turns for second in turn.each_s)
        return each[max(0, math.ceil(share * len(each)) - 1)] if each else None

    def share_of_matmul(self, flops: Mapping[str, float] | None, fastest: float | None) -> float | None:
        """Operations a second of the model over those of the machine's fastest matrix product."""
        if flops is None or self.speed is None or not fastest:
            return None
        return self.speed * flops["step" if self.work == "train" else "answer"] / fastest


@dataclass(frozen=True)
class Found:
    """All of a benchmark.

    Attributes:
        run: Its name.
        rows: Of training, then of answers.
        flops: Operations for one example, by kind of work; None where jax is not there to count them.
        parity: Name of a cell to its losses over the first steps, without chance.
        until: What came of whole trainings: metric, value and, by name of a cell, when it was reached.
        environment: Versions, hardware, load.
        notes: What a reader must know.
    """

    run: str
    rows: Sequence[Row]
    flops: Mapping[str, float] | None
    parity: Mapping[str, Sequence[float]]
    until: Mapping[str, Any] | None
    environment: Mapping[str, Any]
    notes: Sequence[str]

    def fastest_matmul(self, cell: Cell) -> float | None:
        """Operations a second of the fastest matrix product that any cell on this device in this precision reached."""
        rates = [
            row.facts["matmul_flops"]
            for row in self.rows
            if "matmul_flops" in row.facts and row.cell.place[:2] == cell.place[:2]
        ]
        return max(rates, default=None)

    def beside_native(self, row: Row) -> float | None:
        """Speed of a training of ours over that of the fastest native loop of its backend beside it."""
        if row.speed is None or row.cell.program != OURS or row.work != "train":
            return None
        native = [
            other.speed
            for other in self.rows
            if other.work == "train" and other.cell.program == "native" and other.cell.backend == row.cell.backend
            and other.cell.place == row.cell.place and other.speed is not None
        ]  # fmt: skip
        return row.speed / max(native) if native else None

    def parity_difference(self) -> float | None:
        """Largest relative difference of a loss from that of the first cell; None where there is nothing to compare."""
        first, *others = [*self.parity.values()] or [[]]
        return max(
            (abs(loss - wanted) / abs(wanted) for losses in others for loss, wanted in zip(losses, first, strict=True)),
            default=None,
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON tree."""
        return {
            "run": self.run,
            "rows": [self._row(row) for row in self.rows],
            "flops_per_example": self.flops,
            "parity": {"losses": self.parity, "largest_relative_difference": self.parity_difference()},
            "until": self.until,
            "environment": self.environment,
            "notes": list(self.notes),
        }

    def _row(self, row: Row) -> dict[str, Any]:
        return {
            "name": row.cell.name, **row.cell.to_json(), "work": row.work, "reason": row.reason or None,
            "examples_per_s": row.speed,
            "lowest": min(row.speeds, default=None), "highest": max(row.speeds, default=None),
            "p50_s": row.step_s(0.5), "p95_s": row.step_s(0.95), "p99_s": row.step_s(0.99),
            "first_step_s": row.first_step_s, "wait_rate": row.wait_rate, "beside_native": self.beside_native(row),
            "share_of_matmul": row.share_of_matmul(self.flops, self.fastest_matmul(row.cell)),
            "turns": [asdict(turn) for turn in row.turns], "begun": row.begun, "facts": dict(row.facts),
        }  # fmt: skip
