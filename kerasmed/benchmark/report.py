"""What a benchmark found, as a table in words, as benchmark.json and as a chart."""

from collections.abc import Sequence
from pathlib import Path

from kerasmed import files
from kerasmed.benchmark.results import Found, Row

TRAIN_HEADS = (
    "training", "device", "precision", "batch", "examples/s", "lowest-highest", "/ native", "step p50", "p95",
    "first step", "second start", "loader", "of matmul", "memory",
)  # fmt: skip
ANSWER_HEADS = ("answers", "device", "batch", "examples/s", "lowest-highest", "p50", "p99")
JSON, CHART = "benchmark.json", "benchmark.png"
MS, MB, GIGA = 1e3, 1e6, 1e9


def write_report(found: Found, folder: Path) -> None:
    """Write benchmark.json, and benchmark.png where there is something to show."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / JSON, found.to_json())
    if any(row.turns for row in found.rows):
        show_speeds(found, folder / CHART)


def train_rows(found: Found) -> list[tuple[str | None, ...]]:
    """A line of words for each training."""
    return [_train(found, row) for row in found.rows if row.work == "train" and not row.reason]


def answer_rows(found: Found) -> list[tuple[str | None, ...]]:
    """A line of words for each kind of answers."""
    return [
        (
            row.cell.name, row.cell.device, str(row.cell.batch_size), _speed(row.speed), _spread(row),
            _ms(row.step_s(0.5)), _ms(row.step_s(0.99)),
        )
        for row in found.rows
        if row.work == "answer" and not row.reason
    ]  # fmt: skip


def remarks(found: Found) -> list[str]:
    """What no column says: what failed, parity, operations, whole trainings, notes."""
    told = [f"! {_where(row)}: {row.reason}" for row in found.rows if row.reason]
    difference = found.parity_difference()
    if difference is not None:
        steps = len(next(iter(found.parity.values())))
        told.append(f"losses of the first {steps} steps, without chance: backends differ by at most {difference:.1e}")
    if found.flops is not None:
        step, answer = (found.flops[name] / GIGA for name in ("step", "answer"))
        told.append(f"operations for one example: {step:.3g} G in a step, {answer:.3g} G in an answer (XLA's count)")
    if found.until is not None:
        told += [_until(found, name) for name in found.until["cells"]]
    before, after = (found.environment["load"][name][0] for name in ("before", "after"))
    cores = found.environment["hardware"]["cores"]
    return [*told, f"load of the machine ({cores} cores): {before:.2f} before, {after:.2f} after", *found.notes]


def show_speeds(found: Found, path: Path) -> None:
    """Examples a second of each cell as bars, a picture for each place and kind of work; lines show the spread."""
    from kerasmed.evaluation.plots import COLORS, new_figure, save

    groups: dict[str, list[Row]] = {}
    for row in found.rows:
        if row.turns:
            place = " ".join(map(str, row.cell.place))
            groups.setdefault(f"{'Training' if row.work == 'train' else 'Answers'}, {place}", []).append(row)
    heights = [len(rows) + 1 for rows in groups.values()]
    figure, every = new_figure(7.0, 0.32 * sum(heights) + 0.6 * len(heights), heights)
    colors = {backend: COLORS[place] for place, backend in enumerate(("jax", "torch", "tensorflow"))}
    for axes, (title, rows) in zip(every, groups.items(), strict=True):
        speeds = [row.speed or 0.0 for row in rows]
        ends = [[speed - min(row.speeds), max(row.speeds) - speed] for speed, row in zip(speeds, rows, strict=True)]
        axes.barh(
            range(len(rows)), speeds, xerr=list(zip(*ends, strict=True)), alpha=0.85, capsize=3,
            color=[colors[row.cell.backend] for row in rows],
        )  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.cell.name for row in rows])
        axes.invert_yaxis()
        axes.set(title=f"{found.run}: {title}", xlabel="Examples a second")
    save(figure, path)


def _train(found: Found, row: Row) -> tuple[str | None, ...]:
    again = row.facts.get("second_first_step_s")
    share = row.share_of_matmul(found.flops, found.fastest_matmul(row.cell))
    ratio = found.beside_native(row)
    memory = [row.facts.get("host_bytes"), row.facts.get("device_bytes")]
    return (
        row.cell.name, row.cell.device, row.cell.precision, str(row.cell.batch_size), _speed(row.speed), _spread(row),
        None if ratio is None else f"{ratio:.3f}", _ms(row.step_s(0.5)), _ms(row.step_s(0.95)), _s(row.first_step_s),
        _s(again), _percent(row.wait_rate), _percent(share),
        " + ".join(f"{size / MB:.0f} MB" for size in memory if size is not None) or None,
    )  # fmt: skip


def _until(found: Found, name: str) -> str:
    assert found.until is not None
    told, goal = found.until["cells"][name], f"{found.until['metric']}={found.until['value']:g}"
    if "reason" in told:
        return f"! {name} until {goal}: {told['reason']}"
    if told["reached"] is None:
        best = "none" if told["best"] is None else f"{told['best']:.4g}"
        return f"{name}: {goal} was not reached in {told['epochs']} epochs (best {best})"
    return f"{name}: {goal} after {told['seconds']:.1f} s, {told['epochs']} epochs ({told['training_s']:.1f} s in fit)"


def _where(row: Row) -> str:
    return f"{row.work} {row.cell.name}, {', '.join(map(str, row.cell.place))}"


def _spread(row: Row) -> str:
    return f"{_speed(min(row.speeds))}-{_speed(max(row.speeds))}"


def _speed(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ms(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * MS:.3g} ms"


def _s(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.1f} s"


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{100 * rate:.1f} %"


def heads(work: str) -> Sequence[str]:
    """Names of the columns."""
    return TRAIN_HEADS if work == "train" else ANSWER_HEADS
