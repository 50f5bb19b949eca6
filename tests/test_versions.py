"""Folders of saved models: what a version is, which number comes next, and what a manifest and a spec may say."""

import json
from pathlib import Path

import pytest

from kerasmed.errors import ContractError
from kerasmed.versions import (
    deleted_versions,
    latest_version,
    next_version,
    read_manifest,
    read_spec,
    spec_of,
    version_folder,
    versions_of,
    vouched_file,
)
from tests.fakes.networks import hard_spec
from tests.fakes.saved_models import write_version


def test_the_latest_version_is_the_highest_number(tmp_path: Path) -> None:
    for _ in range(11):
        write_version(tmp_path)
    assert latest_version(tmp_path / "beats") == 11
    assert version_folder(tmp_path / "beats").name == "11"


@pytest.mark.parametrize("name", ["7", "12x", ".13.tmp", "014", "0"])
def test_a_folder_that_is_no_version_is_not_the_latest(name: str, tmp_path: Path) -> None:
    write_version(tmp_path)
    (tmp_path / "beats" / name).mkdir()
    assert versions_of(tmp_path / "beats") == [1]


def test_a_link_to_a_version_is_none(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    folder.with_name("2").symlink_to(folder)
    assert versions_of(tmp_path / "beats") == [1]


def test_a_number_that_something_else_has_is_never_given(tmp_path: Path) -> None:
    write_version(tmp_path)
    (tmp_path / "beats" / "7").mkdir()
    (tmp_path / "beats" / "9").write_text("a file")
    assert next_version(tmp_path / "beats") == 10


def test_a_list_of_the_deleted_that_is_damaged_keeps_numbers_from_being_given(tmp_path: Path) -> None:
    write_version(tmp_path)
    for content in ("{", "[]", '{"deleted": []}', '{"deleted": [{"version": "x"}]}'):
        (tmp_path / "beats" / ".deleted.json").write_text(content)
        with pytest.raises(ContractError, match=r"\.deleted\.json: "):
            next_version(tmp_path / "beats")


def test_nothing_was_deleted_where_nothing_says_so(tmp_path: Path) -> None:
    assert deleted_versions(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../up"}, {"name": 3}, {"version": "1"}, {"version": -1}, {"files": []}, {"files": {"a": 1}},
        {"formats": "keras"}, {"formats": [1]},
    ],
)  # fmt: skip
def test_a_manifest_without_what_it_must_say_is_refused(change: dict, tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ContractError, match="lacks name, version, formats or files"):
        read_manifest(folder)


def test_a_file_that_is_a_link_is_not_vouched_for(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    (folder / "model.keras").rename(tmp_path / "elsewhere")
    (folder / "model.keras").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ContractError, match=r"model\.keras: is missing or not what the manifest"):
        vouched_file(folder, "model.keras", read_manifest(folder))


def test_a_spec_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_spec(write_version(tmp_path) / "spec.json") == hard_spec()


def altered(**fields: object) -> dict:
    tree = json.loads(json.dumps(hard_spec().to_json()))
    tree["inputs"]["signal"] |= fields
    return tree


@pytest.mark.parametrize(
    "tree",
    [
        None, [], {}, {"inputs": {}, "targets": {}}, {**altered(), "targets": {}}, altered(shape=["x"]),
        altered(shape=[-1, 2]), altered(shape=[10**6, 10**6]), altered(scale="x"), altered(scale=float("nan")),
        altered(dtype="object"), altered(dtype=3), altered(rate_hz=float("inf")), altered(channels=[1]),
        altered(channels=["\x1b[2J", "V1"]), altered(unit="m" * 300),
        {**altered(), "targets": {"label": {"task": "other", "classes": ["N"]}}},
        {**altered(), "targets": {"label": {"task": "single_label", "classes": []}}},
        {**altered(), "targets": {"label": {"task": "single_label", "classes": ["N", "N"]}}},
    ],
)  # fmt: skip
def test_a_spec_that_is_none_is_refused(tree: object) -> None:
    with pytest.raises(ContractError, match="is no spec of a model"):
        spec_of(tree, "spec.json")
