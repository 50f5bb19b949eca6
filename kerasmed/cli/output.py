"""What verbs print: text or JSON on stdout, progress on stderr."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click


def show(tree: Any, text: str, as_json: bool) -> None:
    """Print `tree` as JSON where that was asked for, else `text`."""
    click.echo(json.dumps(tree, indent=2, allow_nan=False) if as_json else text)


def table(rows: Sequence[Sequence[object]], heads: Sequence[str] = ()) -> str:
    """Rows as aligned columns; None is a hyphen."""
    cells = [["-" if cell is None else str(cell) for cell in row] for row in ([heads] if heads else []) + list(rows)]
    if not cells:
        return ""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def in_bytes(number: float) -> str:
    """A number of bytes as people say it: "1.5 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.4g} TB"


def narrate() -> None:
    """Let the program tell on stderr what it is doing: one line an epoch, what was left out, where a run stopped."""
    log = logging.getLogger("kerasmed")
    if not any(isinstance(handler, _Narrator) for handler in log.handlers):
        log.addHandler(_Narrator())
    log.setLevel(logging.INFO)


class _Narrator(logging.Handler):
    """Writes to the stderr of the moment, which a progress bar takes over so that lines appear above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(record.getMessage(), err=True)
        except RuntimeError:
            # A signal is told of while a line is being written: the stream cannot be entered twice.
            os.write(sys.stderr.fileno(), f"{record.getMessage()}\n".encode())


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function of (done, in all) that tells how far `what` is: one running line on a terminal, else a few lines."""
    running = sys.stderr.isatty()
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // max(1, total)
        if running:
            click.echo(f"\r{what}: {done} of {total}", err=True, nl=False)
        elif tenth != told:
            click.echo(f"{what}: {done} of {total}", err=True)
        told = tenth

    try:
        yield tell
    finally:
        if running and told >= 0:
            click.echo(err=True)
