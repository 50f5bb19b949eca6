"""kerasmed data croissant: a prepared set described for others."""

from pathlib import Path

import click

from kerasmed.cli.options import data_dir_option, json_option, run_argument, runs_dir_option, words_argument
from kerasmed.cli.output import progress_of, show


@click.command()
@run_argument
@words_argument
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the files.")
@click.option("--with-arrays", is_flag=True, help="Copy the arrays of the prepared set beside the description.")
@click.option("--name", help="Of the set; the name of its database without it.")
@click.option("--licence", default="", help="Address of the licence; needed where the database is not a public one.")
@click.option("--citation", default="", help="Whom to cite; likewise.")
@click.option("--url", default="", help="Where the data come from; likewise.")
@click.option("--creator", default="", help="Who made them; likewise.")
@click.option("--published", default="", help="Date, as 2026-11-26; today without it.")
@data_dir_option
@runs_dir_option
@json_option
def croissant(
    run: str, words: tuple[str, ...], out: Path, with_arrays: bool, name: str | None, licence: str, citation: str,
    url: str, creator: str, published: str, data_dir: Path | None, runs_dir: Path, as_json: bool,
) -> None:  # fmt: skip
    """Describe the prepared set of RUN, and how it is split, in Croissant 1.0 (JSON-LD).

    OUT receives croissant.json and examples.csv, which holds row, split and label of each example: no id, no patient.
    """
    from kerasmed.config.load import load_run
    from kerasmed.workflows.croissant import write_croissant
    from kerasmed.workflows.places import find_places

    config = load_run(run, words)
    given = {
        "name": name or "", "licence": licence, "citation": citation, "url": url, "creator": creator,
        "published": published,
    }  # fmt: skip
    with progress_of("records") as progress:
        written = write_croissant(config, find_places(data_dir, runs_dir), out, given, with_arrays, progress)
    show({"files": [str(path) for path in written]}, "\n".join(map(str, written)), as_json)
