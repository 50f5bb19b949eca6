"""Fixtures for every test: where real data lie, and how a backend is reached."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


def find_data_root() -> Path | None:
    """KERASMED_DATA, or the shared data beside the checkout; None where there is neither."""
    named = os.environ.get("KERASMED_DATA")
    candidates = [Path(named)] if named else [CHECKOUT.parent / "shared" / "data"]
    return next((folder for folder in candidates if folder.is_dir()), None)


@pytest.fixture(scope="session")
def data_root() -> Path:
    root = find_data_root()
    if root is None:
        pytest.skip("no real data: set KERASMED_DATA to a folder with one folder per database")
    return root


@pytest.fixture(scope="session")
def mitdb(data_root: Path) -> Path:
    folder = data_root / "mitdb"
    if not folder.is_dir():
        pytest.skip(f"no MIT-BIH records: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def backend() -> str:
    """Loads keras on the backend under test; KERASMED_TEST_BACKEND names it, jax without it."""
    from kerasmed.runtime import use_backend

    name = os.environ.get("KERASMED_TEST_BACKEND", "jax")
    use_backend(name)
    return name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that meets keras starts from the same seed, and is marked `keras`."""
    for item in items:
        if "backend" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.keras)
