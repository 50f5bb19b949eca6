"""Options that several verbs share."""

from pathlib import Path

import click

FOLDER = click.Path(file_okay=False, path_type=Path)

json_option = click.option("--json", "as_json", is_flag=True, help="Print only JSON on stdout.")
data_dir_option = click.option(
    "--data-dir", type=FOLDER, help="Folder with one folder per database.  [default: KERASMED_DATA]"
)
runs_dir_option = click.option(
    "--runs-dir", type=FOLDER, default=Path("runs"), show_default=True, help="Folder of the runs."
)
saved_models_option = click.option(
    "--saved-models", type=FOLDER, default=Path("saved_models"), show_default=True, help="Folder of all saved models."
)
run_argument = click.argument("run")
words_argument = click.argument("words", nargs=-1, metavar="[PATH=VALUE]...")
backend_option = click.option(
    "--backend", type=click.Choice(["jax", "torch", "tensorflow"]), help="Backend of this run."
)
