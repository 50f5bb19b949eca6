import importlib
import json
import os
import signal
import subprocess
import sys

import click
import pytest

from kerasmed import __version__
from kerasmed.cli import VERBS

SLOW_TO_IMPORT = {
    "numpy",
    "pydantic",
    "yaml",
    "rich",
    "matplotlib",
    "scipy",
    "sklearn",
    "keras",
    "jax",
    "torch",
    "tensorflow",
}
A_VERB = """\
import click, os, signal, time

@click.command()
@click.argument("fault")
def command(fault):
    if fault == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    if fault == "end":
        raise EOFError("No data left in file")
    open(fault)
"""


@pytest.fixture
def strange_verb(tmp_path, monkeypatch):
    (tmp_path / "strange_verb.py").write_text(A_VERB)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(VERBS, "strange", ("strange_verb:command", "Fails as it is told."))
    yield
    sys.modules.pop("strange_verb", None)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-h"]])
def test_the_help_imports_no_command_and_nothing_slow(words):
    code = f"import sys; from kerasmed.cli import run; run({words}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & SLOW_TO_IMPORT
    assert not {name for name in loaded if name.startswith("kerasmed.")} - {"kerasmed.cli", "kerasmed.errors"}


def test_the_help_lists_every_verb_with_its_line(kerasmed):
    said = " ".join(kerasmed("--help").out.split())
    assert all(f"{verb} {line}" in said for verb, (_, line) in VERBS.items())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_command_with_a_help_page(verb, kerasmed):
    module, _, name = VERBS[verb][0].partition(":")
    assert isinstance(getattr(importlib.import_module(module), name), click.Command)
    ended = kerasmed(verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: kerasmed {verb}")


def all_commands():
    for verb, (place, _) in VERBS.items():
        module, _, name = place.partition(":")
        yield from below(verb, getattr(importlib.import_module(module), name))


def below(name, command):
    if not isinstance(command, click.Group):
        yield name, command
        return
    for inner, found in command.commands.items():
        yield from below(f"{name} {inner}", found)


@pytest.mark.parametrize(
    ("name", "command"), list(all_commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_verb_has_json_and_every_option_is_explained(name, command):
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert "--json" in {name for option in options for name in option.opts}
    assert all(option.help for option in options)
    assert command.help


@pytest.mark.parametrize("verb", ["train", "evaluate", "export", "predict"])
def test_the_help_of_a_verb_loads_no_backend(verb):
    code = f"import sys; from kerasmed.cli import run; run(['{verb}', '--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"keras", "jax", "torch", "tensorflow", "numpy"} & set(done.stderr.split())


def test_the_version_is_that_of_the_package(kerasmed):
    assert kerasmed("--version").out == f"kerasmed {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "no command named 'trian'. Did you mean 'train'?"),
        (["config", "chek", "mitbih_ds1"], "No such command 'chek'."),
        (["config", "show"], "Missing argument 'RUN'. See kerasmed config show --help."),
        (["config", "show", "mitbih_ds1", "--jsn"], "No such option"),
        (["config", "show", "mitbih_ds2"], "no run preset named 'mitbih_ds2'."),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(words, said, kerasmed):
    ended = kerasmed(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {said}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["trian", "--json"],
        ["config", "show", "--json"],
        ["config", "check", "mitbih_ds1", "model.droput_rate=3", "sed=1", "--json"],
        ["runs", "show", "latest", "--json"],
        ["data", "check", "mitbih_ds1", "--json"],
        ["data", "show", "nothing", "--json"],
        ["data", "list", "--data-dir", "missing", "--json"],
        ["data", "download", "nothing", "--data-dir", ".", "--json"],
        ["data", "simulate", "nothing", "out", "--json"],
    ],
    ids=" ".join,
)
def test_with_json_an_error_is_json_on_stdout_and_words_on_stderr(words, kerasmed):
    ended = kerasmed(*words)
    assert (ended.code, ended.tree["exit_code"]) == (2, 2)
    assert ended.err == "".join(f"error: {line}\n" for line in ended.tree["error"].splitlines())


@pytest.mark.usefixtures("strange_verb")
def test_a_file_that_the_system_refuses_is_one_line(kerasmed, tmp_path):
    assert kerasmed("strange", tmp_path).err == f"error: {tmp_path}: Is a directory\n"


@pytest.mark.usefixtures("strange_verb")
def test_a_file_that_ends_early_is_a_fault_and_no_interruption(kerasmed, capsys):
    with pytest.raises(RuntimeError, match=r"^what was read ended too early: No data left in file$") as caught:
        kerasmed("strange", "end")
    assert isinstance(caught.value.__cause__, EOFError)
    assert capsys.readouterr().err == ""


def test_ctrl_c_ends_with_130(tmp_path):
    (tmp_path / "strange_verb.py").write_text(A_VERB)
    code = "from kerasmed import cli; cli.VERBS['strange'] = ('strange_verb:command', ''); cli.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "strange", "wait"],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "error: interrupted")


def test_a_reader_that_leaves_is_no_error_worth_a_word(start):
    process = start("config", "schema")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=20) == 1
    process.stderr.close()


def test_without_stdout_the_program_still_works(start):
    shell = start("config", "presets")
    shell.communicate(timeout=20)
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *shell.args], stderr=subprocess.PIPE, text=True)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_no_colour_and_no_home_and_no_terminal_change_nothing(start, tmp_path):
    bare = {"PATH": os.defpath, "NO_COLOR": "1", "TERM": "xterm-256color"}
    out, err = start("config", "check", "mitbih_ds1", env=bare).communicate(timeout=20)
    assert (out, err) == ("mitbih_ds1: no fault in its settings\n", "")


@pytest.mark.parametrize("folder", ["with space", "ünï-код-心", "x" * 200, "quo'te\"s", "-dash"])
def test_any_folder_name_will_do(folder, kerasmed, tmp_path):
    place = tmp_path / folder
    place.mkdir()
    path = place / "trial.yaml"
    path.write_text("dataset: {preset: mitbih_ds1}\nmodel: {preset: se_resnet1d_beat}\nsead: 1\n")
    assert kerasmed("config", "check", path).err == (
        f"error: sead: no field named 'sead'. Did you mean 'seed'? [{path}:3]\n"
    )


def test_what_a_terminal_cannot_show_is_escaped(start, tmp_path):
    process = start(
        "config", "check", tmp_path / "心.yaml", "--json", env={**os.environ, "PYTHONIOENCODING": "latin-1"}
    )
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "心.yaml: no such file" in json.loads(out)["error"]
    assert err.endswith("\\u5fc3.yaml: no such file.\n")
