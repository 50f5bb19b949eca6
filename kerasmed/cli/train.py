"""kerasmed train: fit and judge the model of a run file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasmed.cli.options import data_dir_option, json_option, run_argument, runs_dir_option, words_argument
from kerasmed.cli.output import narrate, progress_of, show
from kerasmed.config.load import load_run, resolved_yaml

if TYPE_CHECKING:
    from kerasmed.config.run import RunConfig
    from kerasmed.workflows.places import Places


@click.command()
@run_argument
@words_argument
@click.option("--backend", type=click.Choice(["jax", "torch", "tensorflow"]), help="Backend of this run.")
@click.option("--dry-run", is_flag=True, help="Show what would run; load no backend.")
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, words: tuple[str, ...], backend: str | None, dry_run: bool, data_dir: Path | None, runs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Fit and judge the model of RUN: a run file's name, a YAML file or a run folder.

    Each PATH=VALUE changes a setting: model=cnn_lstm_beat trainer=quick trainer.learning_rate=3e-4
    """
    config = load_run(run, (*words, *([f"backend={backend}"] if backend else [])))
    if dry_run:
        from kerasmed.runtime import data_root

        plan = _plan(config, data_root(data_dir))
        show(plan, f"{resolved_yaml(config)}\n{_in_words(plan['data'])}", as_json)
        return
    from kerasmed.workflows.places import find_places

    folder, report = _train(config, find_places(data_dir, runs_dir))
    from kerasmed.evaluation.summary import summary

    tree = {"run": str(folder), "metrics": report.to_json()["metrics"], "badges": report.to_json()["badges"]}
    show(tree, f"{summary(report)}\n\nrun     {folder}\nreport  {folder / 'report.html'}", as_json)


def _train(config: "RunConfig", places: "Places") -> Any:
    from kerasmed.runtime import use_backend

    narrate()
    use_backend(config.backend)
    from kerasmed.workflows.cross_validate import cross_validate
    from kerasmed.workflows.train import train

    verb = cross_validate if getattr(config.dataset, "cross_validate", False) else train
    with progress_of("preparing records") as progress:
        return verb(config, places, progress)


def _plan(config: "RunConfig", data: Path) -> dict[str, Any]:
    database = data / config.dataset.folder
    files = sum(1 for _ in database.iterdir()) if database.is_dir() else 0
    return {"config": config.model_dump(mode="json"), "data": {"folder": str(database), "files": files}}


def _in_words(data: dict[str, Any]) -> str:
    found = f"{data['files']} files" if data["files"] else "missing; see kerasmed data download"
    return f"dry run: nothing was trained. Data: {data['folder']}: {found}"
