"""A place without keras and kerasmed, in which exported files are asked."""

import sys
import venv
from pathlib import Path

import pytest

LINKED = ("numpy", "numpy.libs", "onnxruntime", "flatbuffers", "google", "packaging", "coloredlogs", "humanfriendly")


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a virtual environment that holds onnxruntime, numpy and what they stand on, and nothing else."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    for place in map(Path, filter(None, sys.path)):
        for name in LINKED:
            if (place / name).is_dir() and not (packages / name).exists():
                (packages / name).symlink_to((place / name).resolve())
    return folder / "bin" / "python"
