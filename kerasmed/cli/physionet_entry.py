"""kerasmed physionet-entry: an entry to a PhysioNet Challenge around a model."""

from pathlib import Path

import click

from kerasmed.cli.options import json_option, runs_dir_option
from kerasmed.cli.output import show
from kerasmed.cli.run_folders import find_run

NAME = "entry"


@click.command("physionet-entry")
@click.argument("run_or_version")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder that is not there yet."
)
@click.option("--challenge", type=click.Choice(["2025", "2021"]), default="2025", show_default=True, help="Interface.")
@click.option("--positive", default="", help="Of 2025: the class that means yes, where several could be meant.")
@runs_dir_option
@json_option
def command(run_or_version: str, out: Path, challenge: str, positive: str, runs_dir: Path, as_json: bool) -> None:
    """Write team_code.py of a PhysioNet Challenge around RUN_OR_VERSION, with requirements.txt and Dockerfile.

    RUN_OR_VERSION is a saved model (its newest version, or one version) or a run, which is exported for it. The model
    must be one of whole records. The harness of the challenge trains it anew on its own data, or runs it as it is.
    """
    import tempfile

    from kerasmed.versions import is_version, latest_version
    from kerasmed.workflows.physionet_entry import write_entry

    place = Path(run_or_version).expanduser()
    with tempfile.TemporaryDirectory(prefix="kerasmed-entry-") as scratch:
        if is_version(place):
            version = place
        elif latest_version(place):
            version = place / str(latest_version(place))
        else:
            version = _exported(find_run(runs_dir, run_or_version), Path(scratch))
        entry = write_entry(version, out, challenge, positive)
    tree = {"entry": str(entry.folder), "challenge": challenge, "positive": entry.positive or None}
    text = f"{entry.folder}\nput the scripts of the challenge beside team_code.py; README.md says what to run"
    show(tree, f"{text}\nyes is {entry.positive}" if entry.positive else text, as_json)


def _exported(run: Path, scratch: Path) -> Path:
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.run_folder import open_run

    use_backend(open_run(run)[0].backend)
    from kerasmed.workflows.export import export_run

    return export_run(run, ("onnx",), scratch, NAME)
