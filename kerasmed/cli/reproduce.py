"""kerasmed reproduce: train a finished run again from its own record, and tell how far the two agree."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasmed.cli.options import backend_option, data_dir_option, json_option, run_argument, runs_dir_option
from kerasmed.cli.output import narrate, progress_of, show, table
from kerasmed.cli.run_folders import find_run
from kerasmed.errors import ContractError

if TYPE_CHECKING:
    from kerasmed.config.run import Backend
    from kerasmed.workflows.reproduce import Wish
    from kerasmed.workflows.run_difference import Change, RunDifference

IDENTICAL, DIFFERENT = 0, ContractError.exit_code
# Of each thing that differs, so many values are listed; --json lists all.
LISTED = 5
DIGEST_LENGTH, SHOWN_LENGTH = 64, 12


@click.command()
@run_argument
@backend_option
@click.option("--anyway", is_flag=True, help="Train even where data or split are not those of the run.")
@click.option("--track", is_flag=True, help="Write to the trackers that the run names; without it, to none.")
@click.option("--against", metavar="RUN", help="Train nothing: compare with this finished run.")
@data_dir_option
@runs_dir_option
@json_option
def command(
    run: str, backend: "Backend | None", anyway: bool, track: bool, against: str | None, data_dir: Path | None,
    runs_dir: Path, as_json: bool,
) -> int:  # fmt: skip
    """Train RUN (a run folder, or "latest") again from its own record, and compare the two.

    Data are looked for where the run found them. On another backend nobody expects equal numbers.
    The exit code is 0 where data, split, history, weights and metrics are equal to the last bit, and 4 where not.
    """
    from kerasmed.workflows.reproduce import Wish, compare_finished

    folder = find_run(runs_dir, run)
    if against is None:
        found = _train_again(folder, Wish(backend, track, anyway), data_dir, runs_dir)
    elif backend or anyway or track:
        raise click.UsageError("--against trains nothing, so that it goes without --backend, --anyway and --track.")
    else:
        found = compare_finished(folder, find_run(runs_dir, against))
    show(found.to_json(), in_words(found), as_json)
    return IDENTICAL if found.identical else DIFFERENT


def _train_again(folder: Path, wish: "Wish", data_dir: Path | None, runs_dir: Path) -> "RunDifference":
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.reproduce import recorded_config, reproduce
    from kerasmed.workflows.run_folder import data_place

    config = recorded_config(folder, wish)
    places = find_places(data_dir or data_place(folder), runs_dir)
    narrate()
    use_backend(config.backend)
    with progress_of("preparing records") as progress:
        return reproduce(folder, config, places, wish, progress)


def in_words(found: "RunDifference") -> str:
    """The verdict, and the values that differ."""
    from kerasmed.workflows.run_difference import DONE, REASONS

    rows = [row for name in DONE for row in _rows(name, found.changes[name])]
    why = [row for name in REASONS for row in _rows(name, found.changes[name])]
    heads = ("", "", found.first.name, found.second.name, "|difference|")
    parts = [
        found.verdict,
        table([("first", found.first), ("second", found.second)]),
        table(rows, heads) if rows else "",
        f"{'what may explain it' if rows else 'equal all the same, with another'}\n{table(why)}" if why else "",
        "\n".join(f"! {remark}" for remark in found.remarks),
    ]
    return "\n\n".join(filter(None, parts))


def _rows(name: str, changes: "tuple[Change, ...]") -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (
            name,
            " ".join(filter(None, [change.place, change.name])),
            _short(change.first),
            _short(change.second),
            "" if change.size is None else f"{change.size:.2g}",
        )
        for change in changes[:LISTED]
    ]
    more = len(changes) - LISTED
    return [*rows, (name, f"and {more} more", "", "", "")] if more > 0 else rows


def _short(value: object) -> str:
    text = str(value)
    return text[:SHOWN_LENGTH] if len(text) == DIGEST_LENGTH else text
