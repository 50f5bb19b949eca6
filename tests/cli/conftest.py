"""The program in this process, and as a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from kerasmed.cli import run


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def tree(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def kerasmed(capsys, tmp_path, monkeypatch):
    """Calls the program in an empty folder, with no data folder and a cache of its own."""
    monkeypatch.delenv("KERASMED_DATA", raising=False)
    monkeypatch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def call(*words: object) -> Ended:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture
def start(tmp_path):
    """Starts the program as a process of its own."""

    def popen(*words: object, **options: Any) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", "from kerasmed.cli import main; main()", *map(str, words)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path, **options}
        return subprocess.Popen(command, **options)

    return popen
