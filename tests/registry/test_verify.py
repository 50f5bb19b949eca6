"""A version is what its manifest says, or each fault of it is told."""

import json
import os
from pathlib import Path

import pytest

from kerasmed.errors import ContractError
from kerasmed.registry.verify import Fault, faults_of, require_sound
from tests.fakes.saved_models import write_version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_version(tmp_path)


def test_a_version_as_it_was_written_is_sound(folder: Path) -> None:
    assert faults_of(folder) == []
    assert require_sound(folder)["version"] == 1


def test_every_single_bit_counts(folder: Path) -> None:
    content = bytearray((folder / "model.keras").read_bytes())
    content[-1] ^= 1
    (folder / "model.keras").write_bytes(content)
    assert faults_of(folder) == [Fault("model.keras", "changed")]


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "variables" / "variables.index").unlink()
    assert faults_of(folder) == [Fault("variables/variables.index", "missing")]


def test_a_file_that_the_manifest_does_not_name_is_told(folder: Path) -> None:
    (folder / "variables" / "notes.txt").write_text("mine")
    assert faults_of(folder) == [Fault("variables/notes.txt", "not named by the manifest")]


@pytest.mark.parametrize("to", ["../elsewhere", "model.keras", "/etc/passwd", "nowhere"])
def test_a_link_is_told_wherever_it_leads(to: str, folder: Path) -> None:
    (folder.parent / "elsewhere").write_bytes((folder / "spec.json").read_bytes())
    (folder / "spec.json").unlink()
    (folder / "spec.json").symlink_to(to)
    assert faults_of(folder) == [Fault("spec.json", "a link or no file")]


def test_a_link_to_a_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "variables").rename(tmp_path / "variables")
    (folder / "variables").symlink_to(tmp_path / "variables")
    assert [fault.file for fault in faults_of(folder)] == ["variables", "variables/variables.index"]


def test_a_pipe_is_told_and_not_read(folder: Path) -> None:
    (folder / "model.keras").unlink()
    os.mkfifo(folder / "model.keras")
    assert faults_of(folder) == [Fault("model.keras", "a link or no file")]


@pytest.mark.parametrize("name", ["../beats/1/spec.json", "/etc/passwd", ""])
def test_a_manifest_that_names_files_elsewhere_is_told(name: str, folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"]["spec.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert faults_of(folder) == [Fault(name, "outside of the folder")]


def test_the_error_names_the_first_file_and_how_many_more(folder: Path) -> None:
    (folder / "a.txt").write_text("")
    (folder / "b.txt").write_text("")
    with pytest.raises(ContractError, match=r"a\.txt: is not named by the manifest, and 1 more: not what the manifest"):
        require_sound(folder)
