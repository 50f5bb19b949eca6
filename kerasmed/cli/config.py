"""`kerasmed config`: the settings of runs, before anything runs."""

from dataclasses import asdict
from typing import Any

import click

from kerasmed.cli.options import json_option, run_argument, words_argument
from kerasmed.cli.output import show, table
from kerasmed.config.describe import diff, schema
from kerasmed.config.load import explain, load_run, resolved_yaml
from kerasmed.config.presets import RUN, SECTIONS, list_presets, summary
from kerasmed.errors import unknown


@click.group()
def command() -> None:
    """Show, check or compare the settings of runs.

    RUN is the name of a run preset, a YAML file or the folder of a run.
    """


@command.command("show")
@run_argument
@words_argument
@click.option("--origins", is_flag=True, help="Say where each field was written.")
@json_option
def show_config(run: str, words: tuple[str, ...], origins: bool, as_json: bool) -> None:
    """Every field of a run, presets filled in."""
    if not origins:
        config = load_run(run, words)
        show(config.model_dump(mode="json"), resolved_yaml(config).rstrip(), as_json)
        return
    fields = explain(run, words)
    tree = {field.path: {"value": field.value, "place": field.place} for field in fields}
    show(tree, table([(field.path, in_words(field.value), field.place) for field in fields]), as_json)


@command.command()
@run_argument
@words_argument
@json_option
def check(run: str, words: tuple[str, ...], as_json: bool) -> None:
    """Find every fault in the settings of a run."""
    config = load_run(run, words)
    show({"name": config.name, "valid": True}, f"{config.name}: no fault in its settings", as_json)


@command.command("diff")
@click.argument("left")
@click.argument("right")
@json_option
def diff_configs(left: str, right: str, as_json: bool) -> None:
    """Fields that two runs set differently."""
    differences = diff(load_run(left), load_run(right))
    rows = [(entry.path, in_words(entry.left), in_words(entry.right)) for entry in differences]
    text = table(rows, ("field", left, right)) if rows else "no difference"
    show([asdict(entry) for entry in differences], text, as_json)


@command.command("schema")
@json_option
def show_schema(as_json: bool) -> None:
    """JSON schema of a run with every field; `kind` tells which fields a dataset or a model has."""
    show(schema(), "", as_json=True)


@command.command()
@click.argument("section", required=False)
@json_option
def presets(section: str | None, as_json: bool) -> None:
    """Presets of a section (dataset, model, trainer) and run files, with what they say of themselves."""
    known = (RUN, *SECTIONS)
    if section is not None and section not in known:
        raise unknown("section with presets", section, known)
    tree = {
        name: {preset: summary(path) for preset, path in list_presets(name).items()}
        for name in ((section,) if section else known)
    }
    rows = [(name, preset, line) for name, listed in tree.items() for preset, line in listed.items()]
    show(tree, table(rows), as_json)


def in_words(value: Any) -> str:
    """A value of a config as one would write it on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"[{','.join(in_words(item) for item in value)}]" if isinstance(value, list) else str(value)
