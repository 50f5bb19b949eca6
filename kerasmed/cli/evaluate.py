"""kerasmed evaluate: judge a run again from its stored weights."""

from pathlib import Path

import click

from kerasmed.cli.options import data_dir_option, json_option, run_argument, runs_dir_option
from kerasmed.cli.output import narrate, progress_of, show
from kerasmed.cli.run_folders import find_run


@click.command()
@run_argument
@data_dir_option
@runs_dir_option
@json_option
def command(run: str, data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Score the test rows of RUN (a run folder, or "latest") again; writes its report, page and plots anew."""
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.run_folder import open_run

    narrate()
    folder = find_run(runs_dir, run)
    config, _ = open_run(folder)
    use_backend(config.backend)
    from kerasmed.evaluation.map_report import MapReport
    from kerasmed.evaluation.summary import summary
    from kerasmed.workflows.evaluate import evaluate_run

    with progress_of("preparing records") as progress:
        report = evaluate_run(folder, find_places(data_dir, runs_dir), progress)
    told = report.in_words() if isinstance(report, MapReport) else summary(report)
    written = folder / ("report.json" if isinstance(report, MapReport) else "report.html")
    show(report.to_json(), f"{told}\n\nreport  {written}", as_json)
