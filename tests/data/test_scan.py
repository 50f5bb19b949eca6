import shutil

import numpy as np
import pytest

from kerasmed.data.contact_sheet import tiles_of_folder, write_sheet
from kerasmed.data.readers.picture import read_picture
from kerasmed.data.scan import scan_folder, show_ids
from kerasmed.errors import DataError
from tests.fakes.image_folders import (
    write_class_folders,
    write_dicom_folders,
    write_labelled_by_csv,
    write_parts,
)  # fmt: skip
from tests.fakes.pictures import draw, write_picture


def test_classes_sizes_modes_and_balance_are_counted(tmp_path):
    root = write_class_folders(tmp_path / "set")
    write_picture(root / "NORMAL" / "rgb.jpg", np.repeat(draw(50, 60, seed=70)[..., None], 3, axis=-1))
    found = scan_folder(root)
    assert found["classes"] == {"NORMAL": {"all": 9}, "PNEUMONIA": {"all": 8}}
    assert found["formats"] == {".png": 16, ".jpg": 1}
    assert found["modes"] == {"L": 16, "RGB": 1}
    assert found["bits"] == {"8": 17}
    assert found["balance"] == 1.12
    assert found["sizes"]["width"] == {"least": 24, "median": 24, "largest": 60}
    assert found["patients"] == {"known": 8, "pictures_of_them": 16, "in_several_parts": 0}


def test_parts_are_counted_apart_and_patients_in_several_are_told(tmp_path):
    root = write_parts(tmp_path / "set")
    write_picture(root / "test" / "NORMAL" / "person1_virus_99.png", draw(seed=200))
    found = scan_folder(root)
    assert found["layout"] == "part folders"
    assert found["classes"]["NORMAL"] == {"train": 10, "validation": 2, "test": 5}
    assert found["patients"]["in_several_parts"] == 1


def test_equal_files_and_near_duplicates_are_grouped(tmp_path):
    root = write_class_folders(tmp_path / "set")
    first = root / "NORMAL" / "person0_bacteria_0.png"
    shutil.copyfile(first, root / "PNEUMONIA" / "copy.png")
    write_picture(root / "PNEUMONIA" / "again.jpg", draw(32, 24, label=0, seed=1), quality=90)
    found = scan_folder(root)
    assert found["duplicates"] == [["NORMAL/person0_bacteria_0.png", "PNEUMONIA/copy.png"]]
    assert found["near_duplicates"] == [["NORMAL/person0_bacteria_1.png", "PNEUMONIA/again.jpg"]]
    assert found["in_two_classes"] == [*found["duplicates"], *found["near_duplicates"]]


def test_files_that_cannot_be_used_are_listed_with_the_reason(tmp_path):
    root = write_class_folders(tmp_path / "set")
    path = root / "NORMAL" / "person0_bacteria_0.png"
    path.write_bytes(path.read_bytes()[:200])
    write_picture(root / "NORMAL" / "flat.png", np.full((30, 30), 9, np.uint8))
    unusable = scan_folder(root)["unusable"]
    assert set(unusable) == {"NORMAL/person0_bacteria_0.png", "NORMAL/flat.png"}
    assert "every pixel has the value 9" in unusable["NORMAL/flat.png"]


def test_labels_of_a_csv_file_that_disagree_with_the_folders_are_named(tmp_path):
    (entry,) = scan_folder(write_labelled_by_csv(tmp_path / "set"))["csv"]
    assert (entry["file"], entry["image_column"], entry["rows"]) == ("dataset.csv", "image_id", 16)
    assert entry["disagree"]["column"] == "fractured"
    assert entry["disagree"]["means"] == {"0": "NORMAL", "1": "PNEUMONIA"}
    assert entry["disagree"]["pictures"] == ["person100_bacteria_1.png"]


def test_a_csv_file_of_something_else_or_a_broken_one_is_told(tmp_path):
    root = write_class_folders(tmp_path / "set")
    (root / "a.csv").write_text("x,y\n1,2\n")
    (root / "b.csv").write_text("")
    first, second = scan_folder(root)["csv"]
    assert first["image_column"] is None
    assert second["fault"] == "has no row below its heading."


def test_nothing_of_a_dicom_file_s_name_is_told_unless_asked(tmp_path):
    root = write_dicom_folders(tmp_path / "set")
    (root / "NORMAL" / "ZZCANARY^PHI_0" / "ZZCANARY bad.dcm").write_bytes(bytes(300))
    found = scan_folder(root)
    assert "ZZCANARY" not in str(found)
    assert found["patients"] == {"known": 8, "pictures_of_them": 16, "in_several_parts": 0}
    names = dict(show_ids(root))
    assert len(names) == 17
    assert set(found["unusable"]) <= set(names)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no picture"):
        scan_folder(tmp_path)


def test_a_contact_sheet_shows_some_of_each_class_and_bad_ones_black(tmp_path):
    root = write_class_folders(tmp_path / "set")
    (root / "NORMAL" / "person0_bacteria_0.png").write_bytes(b"no picture")
    tiles = tiles_of_folder(root, per_class=3)
    assert [label for label, _ in tiles] == ["NORMAL: unusable", *["NORMAL"] * 2, *["PNEUMONIA"] * 3]
    assert tiles[0][1].max() == 0
    write_sheet(tiles, tmp_path / "sheet.png")
    assert read_picture(tmp_path / "sheet.png").size == (6 + 6 * 134, 6 + 150)


def test_fracatlas_is_scanned_with_its_known_faults(data_root):
    if not (data_root / "fracatlas").is_dir():
        pytest.skip(f"no FracAtlas: {data_root / 'fracatlas'} is missing")
    found = scan_folder(data_root / "fracatlas")
    assert found["csv"][0]["disagree"]["pictures"] == ["IMG0003298.jpg"]
    assert sum("image file is truncated" in reason for reason in found["unusable"].values()) >= 2
