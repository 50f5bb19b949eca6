"""kerasmed train: fit and judge the model of a run file."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from kerasmed.cli.resume import allow_change_option, go_on
from kerasmed.cli.run_folders import latest_of, with_found_run
from kerasmed.config.load import load_run, resolved_yaml

if TYPE_CHECKING:
    from kerasmed.config.run import RunConfig
    from kerasmed.evaluation.map_report import MapReport
    from kerasmed.evaluation.report import Report
    from kerasmed.workflows.places import Places
    from kerasmed.workflows.pretrain import Pretrained


@click.command()
@run_argument
@words_argument
@backend_option
@click.option("--dry-run", is_flag=True, help="Show what would run; load no backend.")
@click.option("--resume", is_flag=True, help="Go on with the newest run of this name, if there is one.")
@allow_change_option
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], backend: str | None, dry_run: bool, resume: bool, allow_change: bool,
    data_dir: Path | None, runs_dir: Path, as_json: bool,
) -> None:  # fmt: skip
    """Fit and judge the model of RUN: a run file's name, a YAML file or a run folder.

    Each PATH=VALUE changes a setting: model=cnn_lstm_beat trainer=quick trainer.learning_rate=3e-4
    """
    config = with_found_run(load_run(run, (*words, *([f"backend={backend}"] if backend else []))), runs_dir)
    if dry_run:
        show_plan(config, data_dir, as_json)
        return
    latest = latest_of(runs_dir, config.name) if resume else None
    if latest is not None:
        go_on(latest, config, data_dir, allow_change, as_json)
        return
    carry_out(config, data_dir, runs_dir, as_json)


def show_plan(config: "RunConfig", data_dir: Path | None, as_json: bool) -> None:
    """Show what would run, and what there is of its data."""
    from kerasmed.runtime import data_root

    plan = _plan(config, data_root(data_dir))
    show(plan, f"{resolved_yaml(config)}\n{_in_words(plan['data'])}", as_json)


def carry_out(config: "RunConfig", data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Do what `config` describes, in a new run folder, and show what came of it."""
    from kerasmed.workflows.places import find_places

    folder, outcome = _train(config, find_places(data_dir, runs_dir))
    show_outcome(folder, outcome, as_json)


def show_outcome(folder: Path, outcome: "Report | MapReport | Pretrained", as_json: bool) -> None:
    """Show how good the model of a run is, or what a pretraining came to, and where its files are."""
    from kerasmed.workflows.pretrain import Pretrained

    if isinstance(outcome, Pretrained):
        tree = {"run": str(folder), **outcome.to_json()}
        use = f"kerasmed train RUN model.weights={shlex.quote(str(folder))}"
        show(tree, f"{outcome.in_words()}\n\nrun     {folder}\nuse it  {use}", as_json)
        return
    show_report(folder, outcome, as_json)


def show_report(folder: Path, report: "Report | MapReport", as_json: bool) -> None:
    """Show how good the model of a run is, and where its files are."""
    from kerasmed.evaluation.map_report import MapReport
    from kerasmed.evaluation.summary import summary

    if isinstance(report, MapReport):
        tree = {"run": str(folder), "metrics": report.to_json()["metrics"], "badges": report.to_json()["badges"]}
        show(tree, f"{report.in_words()}\n\nrun     {folder}\nplots   {folder / 'plots'}", as_json)
        return
    tree = {"run": str(folder), "metrics": report.to_json()["metrics"], "badges": report.to_json()["badges"]}
    show(tree, f"{summary(report)}\n\nrun     {folder}\nreport  {folder / 'report.html'}", as_json)


def _train(config: "RunConfig", places: "Places") -> tuple[Path, "Report | MapReport | Pretrained"]:
    from kerasmed.runtime import use_backend

    narrate()
    use_backend(config.backend)
    from kerasmed.workflows.train import train

    with progress_of("preparing records") as progress:
        return train(config, places, progress)


def _plan(config: "RunConfig", data: Path) -> dict[str, Any]:
    database = data / config.dataset.folder
    files = sum(1 for _ in database.iterdir()) if database.is_dir() else 0
    return {"config": config.model_dump(mode="json"), "data": {"folder": str(database), "files": files}}


def _in_words(data: dict[str, Any]) -> str:
    found = f"{data['files']} files" if data["files"] else "missing; see kerasmed data download"
    return f"dry run: nothing was trained. Data: {data['folder']}: {found}"
