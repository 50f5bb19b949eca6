"""kerasmed predict: classify the beats of records, whole records, pictures or volumes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasmed.cli.options import json_option
from kerasmed.cli.output import show
from kerasmed.errors import ConfigError, ContractError, DataError, KerasmedError

if TYPE_CHECKING:
    from kerasmed.inference.routes import Outcome

EXTENSION = re.compile(r"[A-Za-z0-9_]{1,16}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--annotator", default="atr", show_default=True, help="Annotation file that holds the R peaks, if any.")
@click.option("--detect", is_flag=True, help="Find R peaks in the signal even where there is an annotation file.")
@click.option("--lead", "leads", multiple=True, help="Read this lead in place of the model's; once for each lead.")
@click.option("--side", type=click.Choice(["left", "right"]), help="Of volumes that do not say which side they are of.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("predictions"), show_default=True,
    help="Folder for NAME.csv and, of records, the WFDB annotation file NAME.pred.",
)  # fmt: skip
@click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), default=300.0, show_default=True,
    help="Seconds that a model file is given to open, and for each answer.",
)  # fmt: skip
@click.option(
    "--memory-limit", type=click.FloatRange(min=0, min_open=True), default=8.0, show_default=True,
    help="GB of address space that a model file is given.",
)  # fmt: skip
@json_option
def command(
    model: Path, paths: tuple[Path, ...], annotator: str, detect: bool, leads: tuple[str, ...],
    side: str | None, out: Path, time_limit: float, memory_limit: float, as_json: bool,
) -> int:  # fmt: skip
    """Classify the beats, the records or the pictures of PATHS with MODEL.

    MODEL is a run folder, a saved model folder or an .onnx file. Files of the last two may come from anywhere: they are
    opened in a process that can write nothing, reach nothing and is ended beyond its limits. For a model of beats PATHS
    are records (.hea), beats (.npy) or folders of records, for one of whole records .hea or folders of them, for one of
    pictures .png, .jpg, .dcm or folders of them, for one of volumes .npy, .nii, .nii.gz, folders of DICOM slices or
    folders of such.
    Where a record has an annotation file, only its R peaks are read, never its labels. Of DICOM files neither names nor
    tags are told.
    Of several PATHS, those that cannot be predicted are told and the others go on; the exit code is the first fault's.
    """
    if not EXTENSION.fullmatch(annotator):
        raise ConfigError(f"--annotator {annotator!r} is no extension of annotation files; write one as in atr.")
    from kerasmed.inference.routes import Wishes, route_of
    from kerasmed.workflows.predict import open_model

    predictor = open_model(model, time_limit_s=time_limit, memory_limit_bytes=round(1e9 * memory_limit))
    left = None if side is None else side == "left"
    route, wishes = route_of(predictor), Wishes(None if detect else annotator, leads, left)
    outcomes, faults = _each(paths, lambda path: route.predict(predictor, path, wishes))
    found = [prediction for outcome in outcomes for prediction in outcome.found]
    failed = {name: reason for outcome in outcomes for name, reason in outcome.failed.items()}
    if not found and not faults:
        raise DataError(", ".join(failed), "none can be predicted.", " ".join(failed.values()))
    if found:
        out.mkdir(parents=True, exist_ok=True)
    written = {prediction.name: route.write(prediction, out) for prediction in found}
    told = failed | {route.name(path): str(fault) for path, fault in faults.items()}
    tree = {"predictions": [route.summarize(prediction) for prediction in found], "failed": told, "files": written}
    texts = [route.text(prediction) for prediction in found]
    texts += [f"not predicted: {reason}" for reason in failed.values()]
    texts += [f"files in {out}"] if found else []
    if texts or as_json:
        show(tree, "\n\n".join(texts), as_json)
    for fault in faults.values():
        click.echo(f"error: {fault}", err=True)
    return next((fault.exit_code for fault in faults.values()), 0)


def _each(
    paths: tuple[Path, ...], predict: Callable[[Path], "Outcome"]
) -> tuple[list["Outcome"], dict[Path, KerasmedError]]:
    """What each path gives, and the fault of each that gives nothing; a path that is alone may fail."""
    outcomes: list[Outcome] = []
    faults: dict[Path, KerasmedError] = {}
    for path in paths:
        try:
            outcomes.append(predict(path))
        except (DataError, ContractError) as fault:
            if len(paths) == 1:
                raise
            faults[path] = fault
    return outcomes, faults
