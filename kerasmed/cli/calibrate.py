"""kerasmed calibrate: make the scores of a run probabilities; thresholds and prediction sets."""

from pathlib import Path

import click

from kerasmed.cli.options import data_dir_option, json_option, run_argument, runs_dir_option, words_argument
from kerasmed.cli.output import narrate, progress_of, show
from kerasmed.cli.run_folders import find_run
from kerasmed.config.load import load_run
from kerasmed.errors import ConfigError

SECTION = "calibration."


@click.command()
@run_argument
@words_argument
@data_dir_option
@runs_dir_option
@json_option
def command(run: str, words: tuple[str, ...], data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Calibrate RUN (a run folder, or "latest") on its validation rows; judge it again with calibrated scores.

    Writes thresholds.json, which `evaluate`, `predict` and `export` use from then on. Each PATH=VALUE changes a
    setting of the section: calibration.coverage=0.95 calibration.rule=sensitivity calibration.floor=0.9
    """
    foreign = [word for word in words if not word.startswith(SECTION)]
    if foreign:
        raise ConfigError(f"{foreign[0]}: only settings that begin with {SECTION} can be changed here.")
    folder = find_run(runs_dir, run)
    config = load_run(folder, words)
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.places import find_places

    narrate()
    use_backend(config.backend)
    from kerasmed.evaluation.summary import summary
    from kerasmed.workflows.calibrate import calibrate_run

    with progress_of("preparing records") as progress:
        done = calibrate_run(folder, config.calibration, find_places(data_dir, runs_dir), progress)
    report = done.report.to_json()
    tree = {"thresholds": str(done.path), **{name: report[name] for name in ("calibrated", "metrics", "badges")}}
    show(tree, f"{summary(done.report)}\n\nthresholds  {done.path}\nreport      {folder / 'report.html'}", as_json)
