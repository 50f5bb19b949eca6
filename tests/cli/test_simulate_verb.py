import json

import pytest

SMALL = ("height=425", "width=550")


def test_pages_are_simulated_with_the_settings_named(kerasmed, tmp_path):
    words = ("pages=2", "look=scan", "layouts=[12x1]", "strength.noise=0", *SMALL, "--json")
    tree = kerasmed("data", "simulate", "ecg_pages", tmp_path / "out", *words).tree
    assert [(page["look"], page["layout"]) for page in tree["pages"]] == [("scan", "12x1")] * 2
    assert (tree["settings"]["strength"]["noise"], tree["settings"]["strength"]["blur"]) == (0, 1)
    assert (tmp_path / "out" / "images" / "P00002.png").is_file()
    json.dumps(tree)


def test_pages_tell_how_many_there_are(kerasmed, tmp_path):
    ended = kerasmed("data", "simulate", "ecg_pages", tmp_path / "out", "pages=1", *SMALL)
    assert ended.out == f"1 pages of 1 records are in {tmp_path / 'out'}\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pags=2", "pags: no field named 'pags'. Did you mean 'pages'? [command line]"),
        ("look=scam", "look: no look named 'scam'. Did you mean 'scan'? [command line]"),
        ("pages=none", 'pages: "none": should be a valid integer. [command line]'),
        ("strength.nois=0", "strength.nois: no field named 'nois'. Did you mean 'noise'? [command line]"),
    ],
)
def test_a_word_that_cannot_be_meant_is_told_and_nothing_is_made(kerasmed, tmp_path, word, said):
    ended = kerasmed("data", "simulate", "ecg_pages", tmp_path / "out", word)
    assert (ended.code, ended.err) == (2, f"error: {said}\n")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_records_that_is_none_is_told(kerasmed, tmp_path):
    ended = kerasmed("data", "simulate", "ecg_pages", tmp_path / "out", "--records", tmp_path / "missing")
    assert ended.code == 3
    assert "holds no WFDB record" in ended.err


def test_simulated_knees_are_counted_and_options_of_others_are_refused(kerasmed, tmp_path):
    words = ("data", "simulate", "knee_volumes", tmp_path / "out", "--patients", 2, "--edge", 16)
    assert kerasmed(*words, "--json").tree["volumes"] == 4
    refused = kerasmed(*words, "--rate-hz", 250)
    assert (refused.code, "No such option" in refused.err) == (2, True)


@pytest.mark.parametrize(("kind", "option"), [("knee_volumes", "--edge"), ("ecg_beats", "--duration-s")])
def test_a_size_of_nothing_is_refused_and_not_taken_for_the_usual_one(kind, option, kerasmed, tmp_path) -> None:
    refused = kerasmed("data", "simulate", kind, tmp_path / "out", option, 0)
    assert (refused.code, (tmp_path / "out").exists()) == (2, False)
    assert "write a number from" in refused.err
