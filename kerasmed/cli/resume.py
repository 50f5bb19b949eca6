"""kerasmed resume: go on with a run that was killed, interrupted or failed."""

from pathlib import Path
from typing import TYPE_CHECKING

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
from kerasmed.cli.run_folders import find_run
from kerasmed.config.load import load_run

if TYPE_CHECKING:
    from kerasmed.config.run import RunConfig

allow_change_option = click.option(
    "--allow-change", is_flag=True, help="Go on although settings, data or versions have changed."
)


@click.command()
@run_argument
@words_argument
@backend_option
@allow_change_option
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], backend: str | None, allow_change: bool, data_dir: Path | None, runs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Go on with RUN from its newest checkpoint: same batches, same augmentation, same result.

    RUN is a folder, the name of one in --runs-dir, the beginning of a name, or "latest". A run that is complete is
    left as it is; trainer.epochs=N extends it. Data are looked for where the run found them.
    """
    folder = find_run(runs_dir, run)
    config = load_run(folder, (*words, *([f"backend={backend}"] if backend else [])))
    go_on(folder, config, data_dir, allow_change, as_json)


def go_on(folder: Path, config: "RunConfig", data_dir: Path | None, allow_change: bool, as_json: bool) -> None:
    """Go on with the run in `folder` by `config`, and show what came of it."""
    from kerasmed.cli.train import show_outcome
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.run_folder import data_place

    places = find_places(data_dir or data_place(folder), folder.parent)
    narrate()
    use_backend(config.backend)
    from kerasmed.workflows.resume import resume

    with progress_of("preparing records") as progress:
        outcome = resume(folder, config, places, allow_change, progress)
    if outcome is None:
        show({"run": str(folder), "complete": True}, _to_extend(folder, config.trainer.epochs), as_json)
        return
    show_outcome(folder, outcome, as_json)


def _to_extend(folder: Path, epochs: int) -> str:
    """What one can do with a run that is complete."""
    from kerasmed.workflows.run_folder import read_manifest

    done = read_manifest(folder).get("epochs") or epochs
    if done < epochs:
        return (
            f"{folder}: already complete, ended after epoch {done} of {epochs}; to extend it, change what ended it "
            "(trainer.early_stopping, trainer.time_budget_min) with --allow-change"
        )
    return f"{folder}: already complete; trainer.epochs=N with more than {epochs} to extend"
