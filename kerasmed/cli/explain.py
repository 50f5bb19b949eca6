"""kerasmed explain: where in a picture, a record or a volume a model found its answer."""

from pathlib import Path

import click

from kerasmed.cli.options import FOLDER, json_option, run_argument, runs_dir_option
from kerasmed.cli.output import show
from kerasmed.cli.run_folders import find_run


@click.command()
@run_argument
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--of", metavar="CLASS", help="Class to explain.  [default: the answer]")
@click.option("--out", type=FOLDER, default=Path("predictions"), show_default=True, help="Folder for the PNG.")
@runs_dir_option
@json_option
def command(run: str, path: Path, of: str | None, out: Path, runs_dir: Path, as_json: bool) -> None:
    """Draw where the model of RUN found what it answers to FILE (Grad-CAM).

    FILE is a picture (.png, .jpg, .dcm), a record (.hea), a volume (.npy, .nii, .nii.gz, a folder of DICOM slices), or
    a folder of such, of which the first 24 are drawn; of a volume the slice with the most of the map. A map shows where
    a network looked, not whether it was right.
    """
    from kerasmed.workflows.explain import explain_file

    found = explain_file(find_run(runs_dir, run), path, out, of)
    explained = [{"name": name, "class": label} for name, label in found.explained]
    tree = {**found.summary, "explained": explained, "picture": str(found.path)}
    show(tree, f"{found.text}\n\npicture  {found.path}", as_json)
