"""One model by every way of asking it, and the matrix of all networks."""

import json
import shutil
from pathlib import Path

import pytest

from kerasmed.config.model import MODELS
from kerasmed.errors import ContractError
from kerasmed.export.parity import LIMIT
from kerasmed.workflows.export import export_run
from kerasmed.workflows.parity import Parity, compare_ways
from kerasmed.workflows.parity_matrix import LIMITS, SMALL, Cell

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def once(request: pytest.FixtureRequest):
    """The small run; asked for by name, so that the tests of this file run under one backend."""
    return request.getfixturevalue("trained")


@pytest.fixture(scope="module")
def saved(once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(once.folder, ("onnx",), tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def found(once, saved: Path) -> Parity:
    return compare_ways(saved.parent, once.places)


def test_a_model_is_asked_on_every_backend_and_in_every_format(found: Parity) -> None:
    assert set(found.differences) == {"keras jax", "keras torch", "keras tensorflow", "onnx"}
    assert found.left_out == {}


def test_the_backend_that_trained_is_the_reference(found: Parity, once) -> None:
    assert found.reference == f"keras {once.config.backend}"
    assert found.differences[found.reference][found.reference] == 0


def test_all_ways_agree(found: Parity) -> None:
    assert found.sound
    assert 0 < found.worst <= LIMIT


def test_the_test_split_has_the_metrics_of_the_report_by_every_way(found: Parity, once) -> None:
    assert found.num_rows == once.report.to_json()["split"]["test"]["examples"]
    for measured in found.metrics.values():
        assert measured["accuracy"] == pytest.approx(once.report.metrics["accuracy"].value, abs=1e-9)
        assert measured["macro_f1"] == pytest.approx(once.report.metrics["macro_f1"].value, abs=1e-9)


def test_a_folder_that_is_not_what_its_manifest_says_is_refused(saved: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved, tmp_path / "1"))
    (copy / "model.onnx").write_bytes(b"other")
    with pytest.raises(ContractError, match=r"model\.onnx: is changed: not what the manifest says"):
        compare_ways(copy, None)


def test_a_difference_above_the_limit_or_none_at_all_is_not_sound() -> None:
    def parity(difference: float) -> Parity:
        return Parity("m/1", "a", {"a": {"a": 0.0, "b": difference}, "b": {"a": difference, "b": 0.0}})

    assert parity(LIMIT).sound
    assert not parity(2 * LIMIT).sound
    assert not parity(float("nan")).sound
    assert json.loads(json.dumps(parity(float("nan")).to_json(), allow_nan=False))["worst"] is None


def test_every_network_is_in_the_matrix() -> None:
    assert set(SMALL) == set(MODELS)


def test_a_limit_names_a_network_and_gives_a_reason() -> None:
    assert {model for model, _ in LIMITS} <= set(MODELS)
    assert all(len(reason) > 40 for reason in LIMITS.values())


def test_a_hole_is_sound_only_where_a_known_limit_explains_it() -> None:
    assert Cell("cnn_lstm", "jax", "litert", 1e-7, batch=1).sound
    assert not Cell("cnn_lstm", "jax", "litert", 2e-4, batch=1).sound
    assert not Cell("se_resnet1d", "jax", "litert", 1e-7, batch=1).sound
    assert not Cell("se_resnet1d", "jax", "onnx", None, reason="no converter").sound
    assert not Cell("se_resnet1d", "jax", "onnx", float("nan")).sound
