"""kerasmed parity: do all formats and all backends give the same answers?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasmed.cli.options import data_dir_option, json_option
from kerasmed.cli.output import progress_of, show, table
from kerasmed.errors import ConfigError, ContractError, unknown

if TYPE_CHECKING:
    from kerasmed.workflows.parity import Parity
    from kerasmed.workflows.parity_matrix import Cell
    from kerasmed.workflows.places import Places

UNEQUAL = ContractError.exit_code


@click.command()
@click.argument("saved_model", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--matrix", is_flag=True, help="Ask every network of kerasmed, small and untrained, instead.")
@click.option("--model", "kinds", multiple=True, help="With --matrix: only this network; several times for several.")
@click.option("--backend", "backends", multiple=True, help="With --matrix: only this training backend.")
@click.option("--format", "formats", multiple=True, help="With --matrix: only this format.")
@data_dir_option
@json_option
def command(
    saved_model: Path | None, matrix: bool, kinds: tuple[str, ...], backends: tuple[str, ...],
    formats: tuple[str, ...], data_dir: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Put the same inputs to SAVED_MODEL on every backend and in every format; print how far the answers differ.

    The test split of its run is asked too where --data-dir or KERASMED_DATA has its data. Exit code 4 where answers
    differ by more than 1e-4 or, with --matrix, where one is missing and no known limit says why.
    """
    if matrix == (saved_model is not None):
        raise click.UsageError("name a saved model, or give --matrix.")
    if matrix:
        return _matrix(kinds, backends, formats, as_json)
    if kinds or backends or formats:
        raise click.UsageError("--model, --backend and --format choose from --matrix.")
    assert saved_model is not None
    return _saved_model(saved_model, data_dir, as_json)


def _saved_model(saved_model: Path, data_dir: Path | None, as_json: bool) -> int:
    from kerasmed.workflows.parity import compare_ways

    with progress_of("preparing records") as progress:
        found = compare_ways(saved_model, _places(data_dir), progress)
    show(found.to_json(), in_words(found), as_json)
    return 0 if found.sound else UNEQUAL


def _places(data_dir: Path | None) -> "Places | None":
    """Where data lie; None where none were named."""
    from kerasmed.workflows.places import find_places

    try:
        return find_places(data_dir, Path("runs"))
    except ConfigError:
        if data_dir is not None:
            raise
        return None


def in_words(found: "Parity") -> str:
    """The matrix of largest differences, and the metrics of the test split beside those of the reference."""
    ways = list(found.differences)
    heads = ("", *(f"[{number}]" for number in range(1, len(ways) + 1)))
    rows = [_line(found, row, ways) for row in range(len(ways))]
    parts = [
        f"{found.model}: largest difference of the scores between two ways of asking",
        table(rows, heads),
        f"largest difference from {found.reference}: {found.worst:.1e}",
        _metrics(found),
        "\n".join(f"! {way} was not asked: {reason}" for way, reason in found.left_out.items()),
    ]
    return "\n\n".join(filter(None, parts))


def _line(found: "Parity", row: int, ways: list[str]) -> list[str]:
    """A row of the lower triangle: the upper one would say the same."""
    values = [f"{found.differences[ways[row]][other]:.1e}" for other in ways[: row + 1]]
    return [f"[{row + 1}] {ways[row]}", *values, *[""] * (len(ways) - row - 1)]


def _metrics(found: "Parity") -> str:
    if not found.metrics:
        return "The test split was not asked: name its data with --data-dir."
    reference = found.metrics[found.reference]
    heads = ("", *(head for name in reference for head in (name, "change")))
    rows = [
        [way, *(cell for name in reference for cell in (f"{of[name]:.4f}", f"{of[name] - reference[name]:+.1e}"))]
        for way, of in found.metrics.items()
    ]
    return f"test split, {found.num_rows} examples\n{table(rows, heads)}"


def _matrix(kinds: tuple[str, ...], backends: tuple[str, ...], formats: tuple[str, ...], as_json: bool) -> int:
    from kerasmed.export.format_names import FORMATS
    from kerasmed.runtime import BACKENDS
    from kerasmed.workflows.parity_matrix import SMALL, parity_matrix

    chosen = _chosen("network", kinds, tuple(SMALL)), _chosen("backend", backends, BACKENDS)
    with progress_of("networks") as progress:
        cells = parity_matrix(*chosen, _chosen("export format", formats, FORMATS), progress)
    sound = all(cell.sound for cell in cells)
    show({"sound": sound, "cells": [cell.to_json() for cell in cells]}, matrix_in_words(cells), as_json)
    return 0 if sound else UNEQUAL


def _chosen(kind: str, names: tuple[str, ...], known: tuple[Any, ...]) -> tuple[Any, ...]:
    for name in names:
        if name not in known:
            raise unknown(kind, name, known)
    return tuple(name for name in known if name in names) or known


def matrix_in_words(cells: "list[Cell]") -> str:
    """A row for each network and backend, a column for each format; then the known limits and the faults."""
    formats = list(dict.fromkeys(cell.format for cell in cells))
    by_row: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        by_row.setdefault((cell.model, cell.backend), {})[cell.format] = _shown(cell)
    rows = [(*row, *(found[name] for name in formats)) for row, found in by_row.items()]
    limits = {f"* {cell.model} as {cell.format} {cell.limit}." for cell in cells if cell.limit}
    faults = [
        f"! {cell.model} from {cell.backend} as {cell.format}: {cell.reason or 'see the table'}"
        for cell in cells
        if not cell.sound
    ]
    return "\n\n".join(
        filter(None, [table(rows, ("network", "trained on", *formats)), "\n".join([*sorted(limits), *faults])])
    )


def _shown(cell: "Cell") -> str:
    value = "none" if cell.difference is None else f"{cell.difference:.1e}"
    return value + ("*" if cell.limit else "") + ("" if cell.sound else "!")
