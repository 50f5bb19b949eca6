import numpy as np
import pytest

from kerasmed.data.download import DATABASES
from tests.fakes.ptbxl import LEADS, write_ptbxl
from tests.fakes.wfdb_files import write_record


@pytest.fixture
def simulated(kerasmed, tmp_path):
    """A data folder with records of six simulated people."""
    folder = tmp_path / "my data" / "ecg_beats"
    assert kerasmed("data", "simulate", "ecg_beats", folder, "--patients", 6, "--duration-s", 40, "--seed", 3).code == 0
    return folder.parent


def test_simulated_records_are_counted(kerasmed, tmp_path):
    ended = kerasmed("data", "simulate", "ecg_beats", tmp_path / "out", "--patients", 2, "--duration-s", 30, "--json")
    assert ended.tree == {"folder": str(tmp_path / "out"), "records": ["S001", "S002", "S003"]}
    assert (tmp_path / "out" / "S003.atr").is_file()


def test_check_shows_every_split_with_its_classes(kerasmed, simulated):
    tree = kerasmed("data", "check", "demo_beats", "--data-dir", simulated, "--json").tree
    parts = [tree["split"][name] for name in ("train", "validation", "test")]
    assert sum(part["examples"] for part in parts) == tree["prepared"]["num_examples"] > 0
    text = kerasmed("data", "check", "demo_beats", "--data-dir", simulated)
    assert text.code == 0
    assert [line.split()[0] for line in text.out.splitlines() if line.startswith(("train", "val", "test"))] == [
        "train", "validation", "test",
    ]  # fmt: skip


def test_check_shows_the_quality_of_each_lead_and_why_records_were_left_out(kerasmed, tmp_path):
    folder = write_ptbxl(tmp_path) / "records100" / "00000"
    write_record(folder, "00012_lr", np.zeros((1000, 12)), 100, LEADS)
    words = ("data", "check", "ptbxl_superdiagnostic", "dataset.max_bad_rate=0.1", "--data-dir", tmp_path)
    tree = kerasmed(*words, "--json").tree
    assert tree["quality"]["left_out"] == {"flat": 1}
    text = kerasmed(*words).out
    assert "quality of 39 records: median (extremes and their records) of each lead" in text
    assert all(f"\n{lead} " in text for lead in LEADS)
    listed = f"left out: flat 1; all reasons: {tree['prepared']['folder']}/quarantine.csv\n  12: lead I stands still"
    assert listed in text


def test_prepare_makes_the_set_that_check_then_finds(kerasmed, simulated):
    first = kerasmed("data", "prepare", "demo_beats", "--data-dir", simulated, "--json")
    assert first.err.startswith("records: 1 of ")
    again = kerasmed("data", "prepare", "demo_beats", "--data-dir", simulated, "--json")
    assert (again.tree, again.err) == (first.tree, "")


def test_prepare_takes_words(kerasmed, simulated):
    words = ("data", "prepare", "demo_beats", "--data-dir", simulated, "--json")
    assert kerasmed(*words).tree["fingerprint"] != kerasmed(*words, "dataset.examples.rr=none").tree["fingerprint"]


def test_missing_records_end_with_exit_code_3(kerasmed, tmp_path):
    ended = kerasmed("data", "check", "mitbih_ds1", "--data-dir", tmp_path)
    assert ended.code == 3
    assert "22 records of protocol ds1 are missing" in ended.err


def test_the_list_says_what_is_here(kerasmed, simulated):
    (simulated / "mitdb").mkdir()
    tree = kerasmed("data", "list", "--data-dir", simulated, "--json").tree
    assert tree["folders"]["mitdb"]["present"] is True
    assert "mitbih_ds1" in tree["folders"]["mitdb"]["presets"]
    presets = ["ptbxl_500hz", "ptbxl_superdiagnostic"]
    assert tree["folders"]["ptbxl"] == {"database": "ptbxl", "presets": presets, "present": False}


def test_the_list_needs_no_data_folder(kerasmed):
    ended = kerasmed("data", "list")
    assert ended.code == 0
    assert "no data folder: give --data-dir or set KERASMED_DATA" in ended.out


def test_the_data_folder_of_the_environment_is_used(kerasmed, simulated, monkeypatch):
    monkeypatch.setenv("KERASMED_DATA", str(simulated))
    assert kerasmed("data", "list", "--json").tree["root"] == str(simulated)


@pytest.mark.parametrize("name", DATABASES)
def test_every_database_can_be_shown(name, kerasmed, tmp_path):
    tree = kerasmed("data", "show", name, "--data-dir", tmp_path, "--json").tree
    assert tree["download"] == f"kerasmed data download {name}"
    assert tree["source"].startswith("https://physionet.org/content/")
    assert tree["licence"]
    assert tree["citation"]
    assert tree["access"]


@pytest.mark.parametrize(
    ("preset", "licence"), [("cpsc2018", "CC BY 4.0"), ("icentia11k_rhythm", "CC BY-NC-SA"), ("mimic_iv_ecg", "ODbL")]
)
def test_a_preset_says_licence_citation_and_access(preset, licence, kerasmed, tmp_path):
    shown = kerasmed("data", "show", preset, "--data-dir", tmp_path)
    assert licence in shown.out
    assert "citation" in shown.out
    assert "access" in shown.out


def test_a_dataset_without_its_records_says_what_is_missing(kerasmed, tmp_path):
    tree = kerasmed("data", "show", "mitbih_ds1", "--data-dir", tmp_path, "--json").tree
    assert "missing" in tree["state"]
    assert tree["settings"]["protocol"] == "ds1"


def test_a_dataset_that_is_here_shows_its_protocol(kerasmed, mitdb):
    tree = kerasmed("data", "show", "mitbih_ds1", "--data-dir", mitdb.parent, "--json").tree
    assert (tree["state"], tree["records"], tree["judged_on"]) == ("here", 22, "validation")
    text = kerasmed("data", "show", "mitbih_ds1", "--data-dir", mitdb.parent).out
    assert f"! {tree['badges'][0]}" in text


def test_the_records_of_ds1_are_those_of_the_release(kerasmed, mitdb):
    split = kerasmed("data", "check", "mitbih_ds1", "--data-dir", mitdb.parent, "--json").tree["split"]
    assert split["test"]["records"] == ["112", "205", "207", "223"]
    assert len(split["train"]["records"]) == 18


def test_a_name_that_is_no_data_gets_the_nearest(kerasmed):
    assert "Did you mean 'mitbih_ds1'?" in kerasmed("data", "show", "mitbih_ds").err
