from pathlib import Path

import pytest

from tests.fakes.saved_models import write_version

SAVED = Path("saved_models")


def test_every_version_is_listed(kerasmed):
    for name in ("beats", "afib", "beats"):
        write_version(SAVED, name)
    ended = kerasmed("models", "list")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["model", "afib/1", "beats/1", "beats/2"]


def test_where_there_is_none_that_is_said(kerasmed):
    assert kerasmed("models", "list").out == "no saved models in saved_models\n"
    assert kerasmed("models", "list", "--json").tree == {"models": [], "unreadable": {}}


def test_the_list_goes_on_past_one_that_cannot_be_read(kerasmed):
    (write_version(SAVED) / "manifest.json").write_text("{")
    write_version(SAVED)
    tree = kerasmed("models", "list", "--json").tree
    assert [model["model"] for model in tree["models"]] == ["beats/2"]
    assert list(tree["unreadable"]) == ["beats/1"]


def test_a_version_tells_where_it_comes_from(kerasmed):
    write_version(SAVED)
    ended = kerasmed("models", "show", "beats")
    assert ended.code == 0
    assert "beats-20261126" in ended.out
    assert "c0ffee" in ended.out
    tree = kerasmed("models", "show", "beats/1", "--json").tree
    assert (tree["model"], len(tree["manifest_sha256"])) == ("beats/1", 64)
    assert kerasmed("models", "show", SAVED / "beats" / "1", "--json").tree == tree


def test_a_version_that_is_changed_is_not_shown(kerasmed):
    (write_version(SAVED) / "model.keras").write_bytes(b"")
    ended = kerasmed("models", "show", "beats")
    assert (ended.code, ended.out) == (4, "")
    assert "model.keras: is changed" in ended.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beat", "no saved model named 'beat'. Did you mean 'beats'?"),
        ("beats/7", "no version of beats named '7'."),
        ("../x", "no saved model '../x': write NAME, NAME/VERSION or a folder."),
        ("beats/../../x", "no saved model"),
    ],
)
def test_a_model_that_is_not_there_is_exit_code_2(name, said, kerasmed):
    write_version(SAVED)
    for verb in ("show", "verify"):
        ended = kerasmed("models", verb, name)
        assert ended.code == 2
        assert said in ended.err


def test_verify_reads_all_and_tells_what_is_not_sound(kerasmed):
    write_version(SAVED)
    assert kerasmed("models", "verify").code == 0
    second = write_version(SAVED)
    (second / "model.keras").write_bytes(b"")
    (second / "notes.txt").write_text("mine")
    ended = kerasmed("models", "verify")
    assert ended.code == 4
    assert ended.out.splitlines() == [
        "saved_models/beats/1: sound",
        "saved_models/beats/2: NOT SOUND",
        "  model.keras: changed",
        "  notes.txt: not named by the manifest",
    ]
    assert kerasmed("models", "verify", "beats/1").code == 0
    assert kerasmed("models", "verify", "beats", "--json").tree == {
        "saved_models/beats/2": ["model.keras: changed", "notes.txt: not named by the manifest"]
    }


def test_a_version_under_another_number_is_not_sound(kerasmed):
    write_version(SAVED).rename(SAVED / "beats" / "5")
    ended = kerasmed("models", "verify")
    assert ended.code == 4
    assert "is that of beats/1, which belongs elsewhere" in ended.out


def test_a_delete_asks_first(kerasmed, monkeypatch):
    folder = write_version(SAVED)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert kerasmed("models", "delete", "beats/1").code == 130
    assert folder.is_dir()
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    assert kerasmed("models", "delete", "beats/1").code == 0
    assert not folder.exists()


def test_a_delete_that_is_told_to_does_not_ask(kerasmed):
    first, second, third = (write_version(SAVED) for _ in range(3))
    ended = kerasmed("models", "delete", "beats/1", "beats/3", "--yes", "--json")
    assert ended.tree == {"deleted": ["beats/1", "beats/3"]}
    assert [folder.exists() for folder in (first, second, third)] == [False, True, False]


def test_where_one_of_several_cannot_be_deleted_none_is(kerasmed):
    first, second = (write_version(SAVED) for _ in range(2))
    (second / "notes.txt").write_text("mine")
    ended = kerasmed("models", "delete", "beats/1", "beats/2", "--yes")
    assert ended.code == 4
    assert "notes.txt: is not of the model; move it elsewhere first. Nothing was deleted." in ended.err
    assert first.is_dir()


def test_a_delete_names_its_version_and_says_yes_to_json(kerasmed):
    write_version(SAVED)
    assert kerasmed("models", "delete", "beats", "--yes").code == 2
    assert kerasmed("models", "delete", "beats/1", "--json").code == 2
    assert (SAVED / "beats" / "1").is_dir()
