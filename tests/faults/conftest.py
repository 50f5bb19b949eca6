"""How the tests of files from elsewhere predict with one, and see that nothing comes of it."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerasmed.cli import run
from tests.fakes import attack_files

LONGEST = 400  # an error is one line that can be read


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server, which nobody may have come to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def refused(tmp_path: Path, monkeypatch, capsys, listener: socket.socket) -> Callable[..., str]:
    """Predicts with a file, checks that it gives nothing, writes nothing and reaches nobody; what the error says."""
    for name in ("here", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    windows = attack_files.write_windows(tmp_path / "windows.npy")

    def predict(path: Path, *words: str) -> str:
        whole = path.suffix == ".keras"
        model = attack_files.write_saved_model(tmp_path / "sent" / "1", path) if whole else path
        before = sorted(tmp_path.rglob("*"))
        code = run(["predict", str(model), str(windows), "--out", str(tmp_path / "here" / "out"), *words])
        said = capsys.readouterr()
        assert (code, said.out) == (4, "")
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert len(said.err) < LONGEST + len(str(tmp_path))
        assert sorted(tmp_path.rglob("*")) == before
        with pytest.raises(BlockingIOError):
            listener.accept()
        return said.err

    return predict
