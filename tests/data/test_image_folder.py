import numpy as np
import pytest

from kerasmed.config.dataset import ImageExamples, ImageFolder, LabelColumn
from kerasmed.config.load import load_preset
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.sources.image_folder import NO_PATIENTS, build_image_folder
from kerasmed.errors import DataError
from tests.fakes.image_folders import (
    write_class_folders,
    write_dicom_folders,
    write_labelled_by_csv,
    write_parts,
)  # fmt: skip
from tests.fakes.pictures import draw, write_dicom, write_picture

SMALL = ImageExamples(height=16, width=16)
CSV = LabelColumn(file="dataset.csv", label="fractured", values={"0": "NORMAL", "1": "PNEUMONIA"})


def opened(root, **settings):
    return build_image_folder(ImageFolder(folder="set", examples=SMALL, **settings), root)


def prepared_of(dataset, folder):
    return prepare(dataset, folder, BadRecordPolicy(max_rate=0.5))


def test_folders_name_the_classes_and_file_names_the_patients(tmp_path):
    write_class_folders(tmp_path / "set")
    dataset = opened(tmp_path)
    assert dataset.spec.target.classes == ("NORMAL", "PNEUMONIA")
    assert len(dataset.records) == 16
    assert len({record.patient for record in dataset.records}) == 8
    assert dataset.records[0].record_id == "NORMAL/person0_bacteria_0.png"
    assert dataset.protocol.badges == ()


def test_the_order_of_the_classes_can_be_set(tmp_path):
    write_class_folders(tmp_path / "set")
    dataset = opened(tmp_path, classes=("PNEUMONIA", "NORMAL"))
    examples = dataset.make_examples(dataset.records[0])
    assert examples.arrays["label"].tolist() == [1]


def test_a_picture_of_no_listed_class_is_refused(tmp_path):
    write_class_folders(tmp_path / "set")
    with pytest.raises(DataError, match=r"has pictures of PNEUMONIA, which is not among NORMAL, x"):
        opened(tmp_path, classes=("NORMAL", "x"))


def test_one_class_is_nothing_to_tell_apart(tmp_path):
    write_picture(tmp_path / "set" / "NORMAL" / "a.png", draw())
    with pytest.raises(DataError, match="fewer than two classes"):
        opened(tmp_path)


def test_unknown_patients_are_a_badge(tmp_path):
    write_class_folders(tmp_path / "set")
    assert opened(tmp_path, patient_pattern="").protocol.badges == (NO_PATIENTS,)


def test_a_csv_file_decides_the_class_and_disagreeing_folders_are_told(tmp_path):
    write_labelled_by_csv(tmp_path / "set")
    dataset = opened(tmp_path, labels=CSV, classes=("NORMAL", "PNEUMONIA"))
    told = {record.record_id: dataset.make_examples(record).arrays["label"][0] for record in dataset.records}
    assert told["images/PNEUMONIA/person100_bacteria_1.png"] == 0
    assert sum(told.values()) == 7
    assert any("another class than dataset.csv says: 1 (person100_bacteria_1)" in note for note in dataset.notes)


def test_pictures_and_rows_without_each_other_are_counted(tmp_path):
    write_labelled_by_csv(tmp_path / "set")
    write_picture(tmp_path / "set" / "images" / "NORMAL" / "new.png", draw(seed=77))
    with (tmp_path / "set" / "dataset.csv").open("a") as file:
        file.write("gone.png,1,1\n")
    notes = opened(tmp_path, labels=CSV, classes=("NORMAL", "PNEUMONIA")).notes
    assert "left out, since nothing says their class: 1 pictures" in notes
    assert "rows of dataset.csv without a picture: 1" in notes


def test_dicom_files_are_called_by_content_and_their_patients_by_number(tmp_path):
    write_dicom_folders(tmp_path / "set")
    dataset = opened(tmp_path)
    told = [text for record in dataset.records for text in (record.record_id, record.patient)]
    assert len({record.record_id for record in dataset.records}) == 16
    assert {record.patient for record in dataset.records} == {f"patient-{number:05d}" for number in range(1, 9)}
    assert not any("ZZCANARY" in text for text in told)
    assert all(record.hidden for record in dataset.records)


def test_equal_dicom_files_still_have_a_name_each(tmp_path):
    path = write_dicom(tmp_path / "set" / "N" / "a.dcm", draw())
    path.with_name("b.dcm").write_bytes(path.read_bytes())
    write_dicom(tmp_path / "set" / "S" / "c.dcm", draw(seed=3))
    first, second, _ = (record.record_id for record in opened(tmp_path).records)
    assert second == f"{first}-2"


def test_every_name_is_hidden_where_that_is_asked_for(tmp_path):
    write_class_folders(tmp_path / "set")
    records = opened(tmp_path, hide_names="all").records
    assert all(record.record_id.startswith("picture-") for record in records)
    assert {record.patient for record in records} == {f"patient-{number:05d}" for number in range(1, 9)}


def test_a_bad_picture_is_quarantined_with_its_reason(tmp_path):
    write_class_folders(tmp_path / "set")
    (tmp_path / "set" / "NORMAL" / "person0_bacteria_0.png").write_bytes(b"no picture")
    prepared = prepared_of(opened(tmp_path), tmp_path / "cache")
    assert len(prepared) == 15
    assert "is no PNG or JPEG picture" in prepared.quarantine[0].reason


def test_conversions_are_counted_in_the_index(tmp_path):
    write_class_folders(tmp_path / "set")
    write_picture(tmp_path / "set" / "NORMAL" / "rgb.png", np.repeat(draw(seed=5)[..., None], 3, axis=-1))
    index = prepared_of(opened(tmp_path), tmp_path / "cache").index
    assert sorted(set(index["notes"].tolist())) == ["", "three equal channels, of which one was taken"]


def test_frames_of_a_file_are_examples_of_one_record(tmp_path):
    write_class_folders(tmp_path / "set")
    write_dicom(tmp_path / "set" / "NORMAL" / "a.dcm", np.stack([draw(seed=seed) for seed in (50, 51, 52)]))
    index = prepared_of(opened(tmp_path), tmp_path / "cache").index
    assert (np.unique(index["record"], return_counts=True)[1] == 3).sum() == 1


def test_official_parts_are_told_and_a_small_validation_is_dealt_anew(tmp_path):
    write_parts(tmp_path / "set")
    dataset = opened(tmp_path)
    assert dataset.protocol.judged_on == "test"
    assert "the official validation part has 4 pictures; one was dealt anew from train, by patient" in dataset.notes
    prepared = prepared_of(dataset, tmp_path / "cache")
    splits = dataset.split(prepared.index, 0)
    assert len(splits.test) == 8
    assert len(splits.train) + len(splits.validation) == 24
    assert check_splits(prepared.index, splits, dataset.protocol).near_duplicates == 0


def test_without_a_test_folder_the_report_says_that_validation_judged(tmp_path):
    write_parts(tmp_path / "set", {"train": 8, "val": 2})
    dataset = opened(tmp_path)
    assert dataset.protocol.judged_on == "validation"
    assert "there is no test part: judged on validation" in dataset.notes


@pytest.mark.parametrize(
    ("name", "patient", "kin"),
    [
        ("person1946_bacteria_4874.png", "person1946_bacteria", "person1946"),
        ("IM-0629-0001-0002.png", "IM-0629", "IM-0629"),
        ("NORMAL2-IM-0629-0001.png", "NORMAL2-IM-0629", "IM-0629"),
    ],
)
def test_patients_of_chest_xray_are_those_of_its_names(tmp_path, name, patient, kin):
    write_picture(tmp_path / "set" / "train" / "NORMAL" / name, draw())
    write_picture(tmp_path / "set" / "train" / "PNEUMONIA" / "person1_virus_1.png", draw(seed=1))
    config = load_preset("dataset", "chest_xray_pneumonia").model_copy(update={"folder": "set", "examples": SMALL})
    dataset = build_image_folder(config, tmp_path)
    examples = dataset.make_examples(dataset.records[0])
    assert (dataset.records[0].patient, examples.index["kin"].tolist()) == (patient, [kin])


def test_a_pattern_needs_a_group():
    with pytest.raises(ValueError, match="needs a group"):
        ImageFolder(patient_pattern=r"person\d+")
    with pytest.raises(ValueError, match="is no regular expression"):
        ImageFolder(kin_pattern="(")


def test_pictures_of_chest_xray_are_split_by_person(data_root):
    if not (data_root / "chest_xray").is_dir():
        pytest.skip(f"no chest X-rays: {data_root / 'chest_xray'} is missing")
    dataset = build_image_folder(load_preset("dataset", "chest_xray_pneumonia"), data_root)
    assert len(dataset.records) > 5000
    assert dataset.records[0].patient != dataset.records[0].record_id


def test_fracatlas_is_labelled_by_its_table(data_root):
    if not (data_root / "fracatlas").is_dir():
        pytest.skip(f"no FracAtlas: {data_root / 'fracatlas'} is missing")
    dataset = build_image_folder(load_preset("dataset", "fracatlas"), data_root)
    assert any("IMG0003298" in note for note in dataset.notes)
    record = next(record for record in dataset.records if "IMG0003298" in record.record_id)
    assert dataset.make_examples(record).arrays["label"].tolist() == [0]
