"""kerasmed pretrain: let a transformer learn signals before it learns classes."""

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
from kerasmed.cli.run_folders import with_found_run
from kerasmed.cli.train import carry_out, show_plan
from kerasmed.config.load import load_run
from kerasmed.config.pretraining import as_pretraining


@click.command()
@run_argument
@words_argument
@backend_option
@click.option("--dry-run", is_flag=True, help="Show what would run; load no backend.")
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], backend: str | None, dry_run: bool, data_dir: Path | None, runs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Hide patches of the signals of RUN and let its network tell what stood there; labels are not looked at.

    RUN is a run file's name, a YAML file or a run folder, its network ecg_transformer, heartbeit or heartbeit_1d. What
    comes of it is a run folder; kerasmed train RUN model.weights=FOLDER starts from its encoder.
    """
    asked = load_run(run, (*words, *([f"backend={backend}"] if backend else [])))
    config = as_pretraining(with_found_run(asked, runs_dir))
    if dry_run:
        show_plan(config, data_dir, as_json)
        return
    carry_out(config, data_dir, runs_dir, as_json)
