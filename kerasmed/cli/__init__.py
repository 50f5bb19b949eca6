"""The program `kerasmed`: finds the verb, and turns every error into one line and an exit code."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from kerasmed import __version__
from kerasmed.errors import KerasmedError, unknown

INTERRUPTED = 130
# Verb to its command and its line in the help: the help of the program imports none of them.
VERBS: dict[str, tuple[str, str]] = {
    "doctor": ("kerasmed.cli.doctor:command", "Show what this machine has: backends, GPU, decoders, disk, data."),
    "data": ("kerasmed.cli.data:command", "List, check, prepare, download or simulate data."),
    "train": ("kerasmed.cli.train:command", "Fit the model of a run and judge it."),
    "pretrain": ("kerasmed.cli.pretrain:command", "Let a transformer learn signals before it learns classes."),
    "label-curve": ("kerasmed.cli.label_curve:command", "Train with few labels and with more; show what they bring."),
    "tune": ("kerasmed.cli.tune:command", "Search settings of a run; show which decide, and the best."),
    "benchmark": ("kerasmed.cli.benchmark:command", "Measure each backend on a run, and native code beside."),
    "resume": ("kerasmed.cli.resume:command", "Go on with a run that was killed, interrupted or failed."),
    "reproduce": (
        "kerasmed.cli.reproduce:command",
        "Train a finished run again from its record; tell how far they agree.",
    ),
    "evaluate": ("kerasmed.cli.evaluate:command", "Judge the model of a run again."),
    "calibrate": ("kerasmed.cli.calibrate:command", "Make scores probabilities; thresholds, prediction sets."),
    "export": ("kerasmed.cli.export:command", "Write the model of a run in other formats, with proof of parity."),
    "parity": ("kerasmed.cli.parity:command", "Show how far all formats and backends of a model agree."),
    "predict": (
        "kerasmed.cli.predict:command",
        "Answer for records, pictures or folders of them with a trained model.",
    ),
    "digitize": ("kerasmed.cli.digitize:command", "Read twelve leads off pages of ECG paper."),
    "physionet-entry": (
        "kerasmed.cli.physionet_entry:command",
        "Write an entry to a PhysioNet Challenge around a model.",
    ),
    "explain": ("kerasmed.cli.explain:command", "Show where in a picture or a record a model found its answer."),
    "models": ("kerasmed.cli.models:command", "List, show, verify or delete saved models."),
    "config": ("kerasmed.cli.config:command", "Show, check or compare the settings of runs."),
    "runs": ("kerasmed.cli.runs:command", "List, show or compare runs."),
    "track": ("kerasmed.cli.track:command", "Show or send what trackers lack of a run."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs, in the order of a user's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """The command of a verb."""
        if cmd_name not in VERBS:
            raise unknown("command", cmd_name, VERBS)
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb.

        Click takes every EOFError for Ctrl-D and would call a file that ends early, or a process that died, an
        interruption; it is a fault of ours like any other that nobody caught.
        """
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise RuntimeError(f"what was read ended too early: {error}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs in the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Train, judge and ship models of medical signals and images. For research, not a medical device."""


def main() -> None:
    """Run the program with the words of the command line and end the process."""
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # A thread of jax that is still compiling would crash the interpreter on its way out.
        os._exit(code)
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run one command; returns the exit code.

    Where `--json` is among the words, an error is JSON on stdout besides its line on stderr.
    """
    sys.stdout, sys.stderr = _steady(sys.stdout), _steady(sys.stderr)
    as_json = "--json" in words
    try:
        code = program.main(args=list(words), prog_name="kerasmed", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has left, as in `kerasmed runs list | head`; python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED, as_json)
    except click.ClickException as error:
        return _fail(_with_hint(error), error.exit_code, as_json)
    except KerasmedError as error:
        return _fail(str(error), error.exit_code, as_json)
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}", KerasmedError.exit_code, as_json)
    return code if isinstance(code, int) else 0


def _fail(message: str, exit_code: int, as_json: bool) -> int:
    if as_json:
        import json

        click.echo(json.dumps({"error": message, "exit_code": exit_code}))
    for line in message.splitlines():
        click.echo(f"error: {line}", err=True)
    return exit_code


def _with_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return error.format_message() + (f" See {context.command_path} --help." if context else "")


def _steady(stream: TextIO | None) -> TextIO:
    """A stream that takes every text: where it is closed it goes nowhere, and what it cannot encode is escaped."""
    if stream is None:
        return open(os.devnull, "w")  # noqa: PTH123  stays open until the process ends
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
