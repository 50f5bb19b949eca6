"""kerasmed predict: classify the beats of records."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasmed.cli.options import json_option
from kerasmed.cli.output import show
from kerasmed.errors import ConfigError, DataError

if TYPE_CHECKING:
    from kerasmed.inference.beats import BeatPrediction

EXTENSION = re.compile(r"[A-Za-z0-9_]{1,16}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--annotator", default="atr", show_default=True, help="Annotation file that holds the R peaks, if any.")
@click.option("--detect", is_flag=True, help="Find R peaks in the signal even where there is an annotation file.")
@click.option("--lead", "leads", multiple=True, help="Read this lead in place of the model's; once for each lead.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("predictions"), show_default=True,
    help="Folder for NAME.csv and the WFDB annotation file NAME.pred.",
)  # fmt: skip
@json_option
def command(
    model: Path, paths: tuple[Path, ...], annotator: str, detect: bool, leads: tuple[str, ...], out: Path, as_json: bool
) -> None:
    """Classify the beats of PATHS with MODEL.

    MODEL is a run folder, a saved model folder or an .onnx file. PATHS are records (.hea), beats (.npy) or folders of
    records. Where a record has an annotation file, only its R peaks are read, never its labels.
    """
    if not EXTENSION.fullmatch(annotator):
        raise ConfigError(f"--annotator {annotator!r} is no extension of annotation files; write one as in atr.")
    from kerasmed.inference.beats import predict_path
    from kerasmed.inference.summary import summarize, summary_text
    from kerasmed.workflows.predict import open_model

    predictor = open_model(model)
    outcomes = [predict_path(predictor, path, annotator=None if detect else annotator, leads=leads) for path in paths]
    found = [prediction for outcome in outcomes for prediction in outcome.found]
    failed = {name: reason for outcome in outcomes for name, reason in outcome.failed.items()}
    if not found:
        raise DataError(", ".join(failed), "none can be predicted.", " ".join(failed.values()))
    written = {prediction.name: _write(prediction, out) for prediction in found}
    tree = {"predictions": [summarize(prediction) for prediction in found], "failed": failed, "files": written}
    texts = [summary_text(prediction) for prediction in found]
    texts += [f"not predicted: {reason}" for reason in failed.values()]
    show(tree, "\n\n".join([*texts, f"files in {out}"]), as_json)


def _write(prediction: "BeatPrediction", out: Path) -> list[str]:
    from kerasmed.inference.outputs import write_annotations, write_csv

    out.mkdir(parents=True, exist_ok=True)
    table = out / f"{prediction.name}.csv"
    write_csv(prediction, table)
    marks = [write_annotations(prediction, out)] if prediction.samples is not None else []
    return [str(table), *map(str, marks)]
