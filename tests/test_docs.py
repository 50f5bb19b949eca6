"""What README and docs show is there: commands parse, links lead to files, runs and code exist."""

import ast
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
import pytest

from kerasmed.cli import program
from kerasmed.config.load import load_run, load_settings
from kerasmed.config.pages import EcgPages
from kerasmed.config.presets import RUN, list_presets
from kerasmed.config.space import SEARCH, SPACE
from kerasmed.data.download import DATABASES

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(kerasmed [^`]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# A run that a reader names for himself, and what stands for a part that he fills in.
OWN = re.compile(r"[A-Z][A-Z_]*|.*\.yaml|.*\.\.\..*|latest|runs/.*")
GAP = re.compile(r"\[|[A-Z]{3,}|\S*\.\.\.")
# What the worked examples of CONTRIBUTING.md would add.
EXAMPLES = re.compile(r"wfdb_rhythm|plain_cnn1d|enough")
KNOWN = {
    "space": {*list_presets(SPACE), "space.yaml"},
    "database": DATABASES,
    "name": {*DATABASES, *list_presets("dataset"), "beats"},
}


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def commands_of(path: Path) -> list[str]:
    """Every `kerasmed ...` of the shell blocks and of the text, comments cut off, continued lines joined."""
    text = path.read_text()
    shell = "\n".join(body for kind, body in BLOCK.findall(text) if kind == "sh").replace("\\\n", " ")
    lines = (line.strip() for line in shell.splitlines())
    return [
        *(line for line in lines if line.startswith("kerasmed ")),
        *(" ".join(found.split()) for found in INLINE.findall(BLOCK.sub("", text))),
    ]


COMMANDS = [(name(path), command) for path in PAGES for command in commands_of(path)]


def parse(words: list[str]) -> click.Context | None:
    """The context of the verb in `words` with its options and arguments, before anything runs; None of a bare group."""
    command: click.Command = program
    context = click.Context(program, info_name=words.pop(0))
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        verb = words.pop(0)
        found = command.get_command(context, verb)
        assert found is not None, verb
        command, context = found, click.Context(found, info_name=verb, parent=context)
    return None if isinstance(command, click.Group) else command.make_context(context.info_name, words)


def test_the_pages_show_commands() -> None:
    assert len(COMMANDS) > 40
    assert {"README.md", "docs/data.md", "docs/export.md", "docs/prediction.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_shown_is_one_of_the_program(page: str, command: str) -> None:
    words = list(takewhile(lambda word: not GAP.match(word), shlex.split(command, comments=True)))
    try:
        context = parse(words)
    except click.MissingParameter:
        return  # the verb is there; a sentence may name it without its arguments
    except click.exceptions.Exit:
        return  # --help
    if context is not None and context.info_name == "ecg_pages":
        load_settings(EcgPages, [word for word in context.params["words"] if "NAME" not in word])
    elif context is not None and not EXAMPLES.search(command):
        check_names(context.params)


def check_names(given: dict[str, Any]) -> None:
    """Runs, presets, databases and settings that a command names are ours."""
    for run in (given.get(key) for key in ("run", "left", "right")):
        if run and not OWN.fullmatch(run):
            load_run(run, [word for word in given.get("words", ()) if not word.startswith(f"{SEARCH}.")])
    for key, known in KNOWN.items():
        assert given.get(key) in {None, *known}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_of_the_checkout_that_is_named_exists(page: Path) -> None:
    text = BLOCK.sub("", page.read_text())
    named = re.findall(r"`((?:kerasmed|tests|docs|configs|benchmarks|scripts)/[\w./-]+)`", text)
    assert [path for path in named if not (CHECKOUT / path).exists() and not EXAMPLES.search(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_that_is_shown_is_python(page: Path) -> None:
    for kind, body in BLOCK.findall(page.read_text()):
        if kind == "python":
            shown = "if True:\n" + body if body.startswith(" ") else body
            ast.parse(f"{{{body}}}" if body.strip().startswith('"') and body.strip().endswith(",") else shown)


def test_every_run_dataset_and_space_preset_is_in_the_documentation() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    presets = {*list_presets(RUN), *list_presets("dataset"), *list_presets(SPACE)}
    assert {preset for preset in presets if preset not in text} == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_no_page_names_a_folder_of_a_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.~])/(?:work|home|root|tmp|Users)\b", page.read_text()) == []
