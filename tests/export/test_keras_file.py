"""`.keras` files that are damaged or dangerous are refused before keras sees them."""

import json
import zipfile
from pathlib import Path

import pytest

from kerasmed.errors import ContractError
from kerasmed.export.keras_file import custom_modules, open_keras


def write_archive(path: Path, config: str, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", "")
    return path


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", json.dumps({}))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ContractError, match=r"^model\.keras: is no complete \.keras file"):
        open_keras(path)


def test_a_config_that_unpacks_to_a_bomb_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", " " * (33 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ContractError, match="its config is packed more than 100-fold"):
        open_keras(path)


def test_a_config_that_is_larger_than_any_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", " " * (33 << 20), zipfile.ZIP_STORED)
    with pytest.raises(ContractError, match="its config is larger than"):
        open_keras(path)


def test_a_layer_of_a_foreign_package_is_refused_and_not_imported(tmp_path: Path) -> None:
    config = {"module": "antigravity", "class_name": "Fly", "config": {}, "registered_name": "antigravity>Fly"}
    path = write_archive(tmp_path / "model.keras", json.dumps({"config": {"layers": [config]}}))
    with pytest.raises(ContractError, match="made by 'antigravity'"):
        open_keras(path)


def test_layers_of_keras_itself_are_no_custom_modules() -> None:
    config = {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": None}
    assert custom_modules({"layers": [config]}) == set()


def test_a_lambda_is_refused(backend: str, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ContractError, match="holds a Lambda, which can run code"):
        open_keras(tmp_path / "model.keras")
