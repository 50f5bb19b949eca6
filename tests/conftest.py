"""Fixtures for every test: where real data lie, and how a backend is reached."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fakes.small_runs import Said, TrainedRun

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What jax compiles in tests stays with them, all of it: small networks are compiled again and again."""
    from kerasmed.runtime import compiled_once

    os.environ |= compiled_once(tmp_path_factory.mktemp("compiled"))


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


@pytest.fixture(scope="session")
def simulated_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with eight small records of six people in the folder `ecg`; not to be changed."""
    from tests.fakes.small_runs import CANARY, write_small_records

    return write_small_records(tmp_path_factory.mktemp("data") / CANARY)


@pytest.fixture(scope="session")
def trained(backend: str, simulated_root: Path, tmp_path_factory: pytest.TempPathFactory) -> "TrainedRun":
    """A small run on the backend under test; not to be changed."""
    from kerasmed.workflows.places import Places
    from kerasmed.workflows.train import train
    from tests.fakes.small_runs import TrainedRun, small_config

    base = tmp_path_factory.mktemp("trained")
    config = small_config(base, f"backend={backend}")
    places = Places(data=simulated_root, runs=base / "runs", cache=base / "cache")
    folder, report = train(config, places)
    return TrainedRun(folder, config, report, places)


@pytest.fixture(scope="session")
def exported(trained: "TrainedRun", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder of the small run, as SavedModel and ONNX; not to be changed."""
    from kerasmed.workflows.export import export_run

    return export_run(trained.folder, ("saved_model", "onnx"), tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="session")
def trained_records(backend: str, tmp_path_factory: pytest.TempPathFactory) -> "TrainedRun":
    """A small run of whole records, calibrated, under one backend, since the beats' go through each; not to change."""
    if backend != "jax":
        pytest.skip("the way of whole records is gone once, under jax")
    from tests.fakes.record_runs import train_on_records

    return train_on_records(tmp_path_factory.mktemp("records"), backend)


@pytest.fixture(scope="session")
def exported_records(trained_records: "TrainedRun", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder of the small run of whole records, as SavedModel and ONNX; not to be changed."""
    from kerasmed.workflows.export import export_run

    return export_run(trained_records.folder, ("saved_model", "onnx"), tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="session")
def again(trained: "TrainedRun") -> "Said":
    """What the program said as it trained the small run again, by the config.yaml of the first."""
    from tests.fakes.small_runs import say

    places = trained.places
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(places.cache))
        words = ("--data-dir", places.data, "--runs-dir", places.runs, "--json")
        return say("train", trained.folder / "config.yaml", *words)


@pytest.fixture
def one_backend(request: pytest.FixtureRequest) -> str:
    """`backend` for a test that need not run again under each."""
    name: str = request.getfixturevalue("backend")
    return name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that meets keras starts from the same seed, and is marked `keras`."""
    for item in items:
        if "backend" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.keras)
