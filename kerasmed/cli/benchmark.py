"""kerasmed benchmark: which backend for this model on this machine."""

from pathlib import Path
from typing import Any

import click

from kerasmed.benchmark.cells import DEVICES, Plan, chosen
from kerasmed.cli.options import (
    FOLDER,
    data_dir_option,
    json_option,
    run_argument,
    runs_dir_option,
    words_argument,
)
from kerasmed.cli.output import narrate, progress_of, show, table
from kerasmed.config.load import load_run
from kerasmed.errors import ConfigError, unknown

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@click.command()
@run_argument
@words_argument
@click.option("--backends", default="jax,torch,tensorflow", show_default=True, help="Backends to compare.")
@click.option("--devices", default="cpu", show_default=True, help="cpu, gpu or both.")
@click.option("--precision", "precisions", default="float32", show_default=True, help="One, or several with commas.")
@click.option("--batch-sizes", help="One, or several with commas.  [default: that of RUN]")
@click.option("--native", is_flag=True, help="Measure plain PyTorch, JAX and TensorFlow beside (in a checkout).")
@click.option("--inference", is_flag=True, help="Measure answers too: keras, SavedModel, onnxruntime.")
@click.option("--repeats", type=click.IntRange(1, 1000), default=5, show_default=True, help="Turns of each.")
@click.option("--steps", type=click.IntRange(1, 1000), help="Steps of a turn.  [default: as many as take --turn-s]")
@click.option("--turn-s", type=click.FloatRange(0.01, 600), default=2.0, show_default=True, help="Seconds of a turn.")
@click.option("--parity-steps", type=click.IntRange(0, 20), default=5, show_default=True, help="Losses compared.")
@click.option("--second-start", is_flag=True, help="Start each once more, with what was compiled the first time.")
@click.option("--start-together", is_flag=True, help="Start all cells of training at once: for many cores or a GPU.")
@click.option(
    "--start-timeout-s",
    type=click.FloatRange(1, 86400),
    default=1800.0,
    show_default=True,
    help="Seconds that a cell may take to its first steps.",
)
@click.option("--until", metavar="METRIC=VALUE", help="Train each until a metric is reached, as val_macro_auc=0.9.")
@click.option("--out", type=FOLDER, help="Folder of table and chart.  [default: RUN-benchmark in --runs-dir]")
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], out: Path | None, data_dir: Path | None, runs_dir: Path, as_json: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Train RUN some steps on each backend, in turns, and show how fast each is.

    Every cell is a process of its own with the same weights and batches; the same loop, loader and step as kerasmed
    train. What cannot be measured is told with its reason.
    """
    from kerasmed.workflows.places import find_places

    plan = _plan(load_run(run, words), **asked)
    places = find_places(data_dir, runs_dir)
    narrate()
    from kerasmed.benchmark.measure import benchmark
    from kerasmed.benchmark.report import answer_rows, heads, remarks, train_rows, write_report

    with progress_of("preparing records") as progress:
        found = benchmark(plan, places, progress)
    folder = out or runs_dir / f"{plan.config.name}-benchmark"
    write_report(found, folder)
    parts = [
        table(rows, heads(work))
        for work, rows in (("train", train_rows(found)), ("answer", answer_rows(found)))
        if rows
    ]
    text = "\n\n".join([*parts, "\n".join(remarks(found)), f"files   {folder}"])
    show({"folder": str(folder), **found.to_json()}, text, as_json)


def _plan(
    config: Any, backends: str, devices: str, precisions: str, batch_sizes: str | None, until: str | None, **rest: Any
) -> Plan:
    from kerasmed.runtime import BACKENDS

    return Plan(
        config, _names("backend", backends, BACKENDS), _names("device", devices, DEVICES),
        _names("precision", precisions, PRECISIONS), _sizes(batch_sizes), until=_goal(until), **rest,
    )  # fmt: skip


def _names(kind: str, words: str, known: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        names = chosen(words, known)
    except KeyError as error:
        raise unknown(kind, error.args[0], known) from None
    if not names:
        raise ConfigError(f"--{kind}s: name at least one of {', '.join(known)}.")
    return names


def _sizes(words: str | None) -> tuple[int, ...]:
    sizes = [word.strip() for word in (words or "").split(",") if word.strip()]
    for size in sizes:
        if not size.isdigit() or not 1 <= int(size) <= 1_000_000:
            raise ConfigError(f"--batch-sizes: {size!r} is no number of examples; write 32 or 32,256.")
    return tuple(dict.fromkeys(map(int, sizes)))


def _goal(words: str | None) -> tuple[str, float] | None:
    if words is None:
        return None
    metric, _, value = words.partition("=")
    try:
        return metric, float(value)
    except ValueError:
        raise ConfigError(f"--until: {words!r}: write a metric of validation and a value: val_macro_auc=0.9") from None
