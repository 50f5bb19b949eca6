from pathlib import Path

import pytest

from tests.fakes.image_folders import write_class_folders, write_dicom_folders, write_labelled_by_csv


def test_a_scan_is_told_for_a_person(kerasmed, tmp_path):
    ended = kerasmed("data", "scan", write_labelled_by_csv(tmp_path / "set"))
    assert ended.code == 0
    for told in (
        "16 (.png 16)",
        "NORMAL     8",
        "column fractured follows the folders (0 is NORMAL, 1 is PNEUMONIA)",
        "DISAGREE: person100_bacteria_1.png",
    ):
        assert told in ended.out


def test_with_json_only_json_is_on_stdout(kerasmed, tmp_path):
    tree = kerasmed("data", "scan", write_class_folders(tmp_path / "set"), "--json").tree
    assert tree["pictures"] == 16


def test_a_contact_sheet_is_drawn_where_it_is_asked_for(kerasmed, tmp_path):
    kerasmed("data", "scan", write_class_folders(tmp_path / "set"), "--sheet", "sheet.png")
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")


def test_ids_say_which_dicom_file_is_called_what(kerasmed, tmp_path):
    root = write_dicom_folders(tmp_path / "set")
    assert "ZZCANARY" not in kerasmed("data", "scan", root).out
    tree = kerasmed("data", "scan", root, "--ids", "--json").tree
    assert len(tree) == 16
    assert all(name.startswith("dicom-") and path.endswith(".dcm") for name, path in tree.items())


def test_show_draws_a_dataset_as_the_model_sees_it(kerasmed, tmp_path):
    write_class_folders(tmp_path / "images", height=80, width=64)
    ended = kerasmed("data", "show", "image_folder", "--data-dir", tmp_path, "--sheet", "sheet.png")
    assert "sheet      sheet.png" in ended.out
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_sheet_of_beats_is_refused(kerasmed, simulated_root):
    ended = kerasmed("data", "show", "wfdb_beats", "--data-dir", simulated_root, "--sheet", "sheet.png")
    assert ended.code in (2, 3)
    assert ended.err.count("error: ") == 1


@pytest.mark.parametrize("words", [("nowhere",), (".",)])
def test_a_folder_without_pictures_is_one_line(kerasmed, words):
    ended = kerasmed("data", "scan", *words)
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
