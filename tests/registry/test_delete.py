"""Versions that are deleted: whole, by name, and for good."""

import json
import threading
from pathlib import Path

import pytest

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.registry.delete import delete_version
from kerasmed.versions import MANIFEST, deleted_versions, versions_of
from tests.fakes.saved_models import write_version


def test_the_number_of_a_deleted_version_is_never_given_again(tmp_path: Path) -> None:
    folders = [write_version(tmp_path) for _ in range(3)]
    assert str(delete_version(folders[2])) == "beats/3"
    assert versions_of(tmp_path / "beats") == [1, 2]
    assert write_version(tmp_path).name == "4"


def test_not_even_where_all_are_gone(tmp_path: Path) -> None:
    delete_version(write_version(tmp_path))
    delete_version(write_version(tmp_path))
    assert write_version(tmp_path).name == "3"
    assert [entry["version"] for entry in deleted_versions(tmp_path / "beats")] == [1, 2]


def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    delete_version(write_version(tmp_path))
    assert {path.name for path in (tmp_path / "beats").iterdir()} == {".lock", ".deleted.json"}


def test_a_damaged_version_can_be_deleted(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    (folder / "model.keras").write_bytes(b"")
    (folder / "variables" / "variables.index").unlink()
    delete_version(folder)
    assert not folder.exists()


def spoil_with_a_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def spoil_with_a_link(folder: Path) -> None:
    (folder / "model.keras").unlink()
    (folder / "model.keras").symlink_to("/etc/passwd")


def spoil_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("{}")


def spoil_the_name(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "name": "other"}))


def spoil_the_spec(folder: Path) -> None:
    (folder / "spec.json").unlink()


@pytest.mark.parametrize(
    "spoil", [spoil_with_a_file, spoil_with_a_link, spoil_the_manifest, spoil_the_name, spoil_the_spec]
)
def test_what_is_not_only_a_saved_model_of_ours_is_left_alone(spoil, tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    spoil(folder)
    before = files.hash_folder(tmp_path)
    with pytest.raises(ContractError):
        delete_version(folder)
    assert files.hash_folder(tmp_path) == before


def test_a_version_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "real")
    (tmp_path / "beats").symlink_to(folder.parent)
    with pytest.raises(ContractError, match="is no version of a saved model; nothing was deleted"):
        delete_version(tmp_path / "beats" / "1")
    assert folder.is_dir()


def test_exports_and_deletes_at_once_give_every_number_once(tmp_path: Path) -> None:
    given: list[str] = []

    def come_and_go() -> None:
        for _ in range(4):
            folder = write_version(tmp_path)
            given.append(folder.name)
            if int(folder.name) % 2:
                delete_version(folder)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given, key=int) == [str(number) for number in range(1, 17)]
    assert versions_of(tmp_path / "beats") == list(range(2, 17, 2))


def test_a_delete_that_was_killed_half_way_is_swept_and_its_number_stays_taken(tmp_path: Path) -> None:
    write_version(tmp_path)
    second = write_version(tmp_path)
    entry = {"version": 2, "created": "x", "run": None, "deleted": "y"}
    files.write_json(second.parent / ".deleted.json", {"deleted": [entry]})
    second.rename(second.with_name(".2.0123.old"))
    assert write_version(tmp_path).name == "3"
    delete_version(second.with_name("1"))
    assert not second.with_name(".2.0123.old").exists()
