"""kerasmed label-curve: how many labels a network needs."""

from pathlib import Path

import click

from kerasmed.cli.options import (
    FOLDER,
    backend_option,
    data_dir_option,
    json_option,
    run_argument,
    runs_dir_option,
    words_argument,
)
from kerasmed.cli.output import narrate, progress_of, show, table
from kerasmed.config.load import load_run
from kerasmed.errors import ConfigError

RATES = "0.01,0.1,0.25,0.5,1"


@click.command()
@run_argument
@words_argument
@click.option("--rates", default=RATES, show_default=True, help="Shares of the training patients that have labels.")
@click.option("--pretrained", type=FOLDER, help="Compare with starting from the encoder of this run.")
@click.option("--metric", default="macro_auc", show_default=True, help="Of the report, for table and picture.")
@backend_option
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], rates: str, pretrained: Path | None, metric: str, backend: str | None,
    data_dir: Path | None, runs_dir: Path, as_json: bool,
) -> None:  # fmt: skip
    """Train RUN with few labels and with more; write a table and a picture of how good it becomes.

    Patients are drawn so that every class keeps its share, and few are among many. The validation records, which choose
    the epoch, and the test records stay whole. A curve that was cut short goes on where it was.
    """
    from kerasmed.evaluation.label_curve import rows_of
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.places import find_places

    shares = _shares(rates)
    config = load_run(run, (*words, *([f"backend={backend}"] if backend else [])))
    places = find_places(data_dir, runs_dir)
    folder = runs_dir / f"{config.name}-label-curve"
    narrate()
    use_backend(config.backend)
    from kerasmed.workflows.label_curve import arms_of, label_curve

    with progress_of("preparing records") as progress:
        points = label_curve(arms_of(config, pretrained), shares, metric, places, folder, progress)
    heads = ("", "labels", "patients", "examples", metric, "run")
    tree = {"folder": str(folder), "points": [point.to_json() for point in points]}
    show(tree, f"{table(rows_of(points, metric), heads)}\n\ncurve   {folder / 'curve.png'}", as_json)


def _shares(rates: str) -> list[float]:
    try:
        shares = [float(rate) for rate in rates.split(",")]
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 1 for share in shares) or len({*shares}) < len(shares):
        raise ConfigError(f"--rates: {rates!r}: write shares above 0 and up to 1, each once: {RATES}")
    return sorted(shares)
