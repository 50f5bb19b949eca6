"""Reaches the native loops, which are scripts beside the package."""

import importlib
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "native"
SIDES = {"jax": "jax_side", "torch": "torch_side", "tensorflow": "tensorflow_side"}


def side(backend: str) -> Any:
    """The native code of a framework."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(SIDES[backend])
