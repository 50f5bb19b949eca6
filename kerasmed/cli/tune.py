"""kerasmed tune: search the settings of a run."""

from pathlib import Path

import click

from kerasmed.cli.options import (
    backend_option,
    data_dir_option,
    json_option,
    run_argument,
    runs_dir_option,
    words_argument,
)
from kerasmed.cli.output import narrate, progress_of, show
from kerasmed.config.space import SEARCH, check_space, load_space


@click.command()
@run_argument
@words_argument
@click.option("--space", required=True, help="YAML file, or preset, of what is searched and how.")
@click.option("--study", help="Name of the study's folder in --runs-dir.  [default: RUN-study]")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Trials at once.")
@backend_option
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], space: str, study: str | None, workers: int, backend: str | None,
    data_dir: Path | None, runs_dir: Path, as_json: bool,
) -> None:  # fmt: skip
    """Search settings of RUN: train it again and again, each trial a run in a process of its own.

    Words such as search.trials=5 change how SPACE is searched. The same command goes on with a study that was killed,
    interrupted or failed.
    """
    from kerasmed.workflows.places import find_places

    searching = tuple(word for word in words if word.startswith(f"{SEARCH}."))
    changes = (*(word for word in words if word not in searching), *([f"backend={backend}"] if backend else []))
    found = load_space(space, searching)
    base = check_space(found, run, changes)
    places = find_places(data_dir, runs_dir)
    narrate()
    from kerasmed.tuning.report import write_study
    from kerasmed.tuning.search import search
    from kerasmed.tuning.study import Study

    searched = Study(runs_dir / (study or f"{base.name}-study"), base, found)
    with progress_of("preparing records") as progress:
        search(searched, places, workers, progress)
    summary = write_study(searched)
    show(summary.to_json(), summary.in_words(), as_json)
