"""kerasmed export: publish the model of a run."""

from pathlib import Path
from typing import Any

import click

from kerasmed.cli.options import json_option, run_argument, runs_dir_option, saved_models_option
from kerasmed.cli.output import in_bytes, show
from kerasmed.cli.run_folders import find_run
from kerasmed.export.format_names import FORMATS


@click.command()
@run_argument
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(FORMATS),
    default=("saved_model", "onnx"), show_default=True, help="Give it several times for several formats.",
)  # fmt: skip
@click.option("--name", help="Name of the saved model; the run's name without it.")
@saved_models_option
@click.option(
    "--rate-hz", type=float, help="Sampling rate that the serving graph reads; that of the training records without it."
)
@runs_dir_option
@json_option
def command(
    run: str, formats: tuple[str, ...], name: str | None, saved_models: Path, rate_hz: float | None, runs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Write the model of RUN (a run folder, or "latest") to SAVED_MODELS/NAME/VERSION in every format asked for.

    Nothing is published unless each format answers as the trained model does.
    """
    import json

    from kerasmed.runtime import use_backend
    from kerasmed.workflows.run_folder import open_run

    folder = find_run(runs_dir, run)
    config, _ = open_run(folder)
    use_backend(config.backend)
    from kerasmed.workflows.export import export_run

    published = export_run(folder, formats, saved_models, name, rate_hz)  # type: ignore[arg-type]
    manifest = json.loads((published / "manifest.json").read_text())
    differences = "\n".join(f"  {kind:<12} {_facts(written)}" for kind, written in manifest["written"].items())
    tree = {"saved_model": str(published), **manifest}
    text = f"{published}\nlargest difference from the trained model:\n{differences}\n{_serving(manifest['serving'])}"
    show(tree, text, as_json)


def _serving(facts: dict[str, Any]) -> str:
    if "not_made" in facts:
        return f"no serving graph: {facts['not_made']}"
    proven = ", ".join(f"{kind} {value:.1e}" for kind, value in facts["max_abs_difference"].items())
    return f"serving graph, from the recording to the answer: {proven}"


def _facts(written: dict[str, Any]) -> str:
    one = "" if written["batch"] == "free" else f", takes {written['batch']} example at a time"
    return f"{written['max_abs_difference']:.1e}  {in_bytes(written['bytes'])}{one}"
