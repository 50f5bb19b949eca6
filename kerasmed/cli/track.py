"""`kerasmed track`: what trackers know of a run, and sending them what they lack."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasmed.cli.options import json_option, run_argument, runs_dir_option, words_argument
from kerasmed.cli.output import show, table
from kerasmed.cli.run_folders import find_run
from kerasmed.config.load import load_run
from kerasmed.config.run import Tracking
from kerasmed.errors import ConfigError, TrackerError

if TYPE_CHECKING:
    from kerasmed.tracking.sync import Standing

SECTION = "tracking."


@click.group()
def command() -> None:
    """Show or send what trackers lack of a run.

    RUN is a folder, the name of one in --runs-dir, the beginning of a name, or "latest". Trackers are those of the
    run; each PATH=VALUE changes one: tracking.mlflow=true tracking.wandb=online
    """


@command.command()
@run_argument
@words_argument
@runs_dir_option
@json_option
def status(run: str, words: tuple[str, ...], runs_dir: Path, as_json: bool) -> None:
    """What each tracker knows of RUN; asks no server."""
    from kerasmed.tracking.kinds import trackers_on
    from kerasmed.tracking.sync import standing

    folder, tracking = _found(run, words, runs_dir)
    _show(folder, [standing(folder, kind, tracking) for kind in trackers_on(tracking)], as_json)


@command.command()
@run_argument
@words_argument
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds a tracker has."
)
@runs_dir_option
@json_option
def sync(run: str, words: tuple[str, ...], timeout: float, runs_dir: Path, as_json: bool) -> None:
    """Send the trackers of RUN what they lack; sends nothing twice."""
    from kerasmed.tracking.sync import sync as send

    folder, tracking = _found(run, words, runs_dir)
    known = send(folder, tracking, timeout)
    _show(folder, known, as_json)
    failed = [each for each in known if each.error]
    for each in failed:
        click.echo(f"error: {each.tracker}: {each.error}", err=True)
    if failed:
        click.get_current_context().exit(TrackerError.exit_code)


def _found(run: str, words: tuple[str, ...], runs_dir: Path) -> tuple[Path, Tracking]:
    from kerasmed.tracking.kinds import trackers_on

    other = [word for word in words if not word.startswith(SECTION)]
    if other:
        raise ConfigError(f"{other[0]}: only settings of trackers can be given here, as {SECTION}mlflow=true.")
    folder = find_run(runs_dir, run)
    tracking = load_run(folder, words).tracking
    if not trackers_on(tracking):
        raise ConfigError(
            f"{folder.name} has no tracker; name one: {SECTION}tensorboard=true, {SECTION}mlflow=true "
            f"or {SECTION}wandb=offline."
        )
    return folder, tracking


def _show(folder: Path, known: "list[Standing]", as_json: bool) -> None:
    rows = [
        (each.tracker, f"{each.epochs} of {each.num_epochs}", each.sent or None, each.status or None, _lack(each))
        for each in known
    ]
    targets = [(each.tracker, each.target, each.run or None) for each in known]
    text = f"{table(rows, ('tracker', 'epochs', 'sent now', 'told', 'lacks'))}\n\n{table(targets)}"
    tree: dict[str, Any] = {"run": str(folder), "trackers": [asdict(each) for each in known]}
    show(tree, text, as_json)


def _lack(each: "Standing") -> str:
    return ", ".join(each.lacks) or "nothing"
