"""Volumes in `.npy` files: one large file for each class, or many files and a table."""

import hashlib

import numpy as np
import pytest

from kerasmed.config.volumes import VolumeExamples, VolumeNpy, VolumeTable
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, fingerprint_of, prepare
from kerasmed.data.sources.medmnist_3d import NO_PATIENTS
from kerasmed.data.sources.volume_npy import UNLIKE, build_volume_npy
from kerasmed.errors import DataError, UnknownNameError
from tests.fakes.volumes import (
    EXAMPLES,
    FILES,
    SMALL_VOLUMES,
    draw_volumes,
    write_knees,
    write_labelled_volumes,
    write_mixed_volumes,
)

KNEES = SMALL_VOLUMES["volume_npy"]
NO_TABLE = KNEES.model_copy(update={"table": None, "examples": EXAMPLES})
LABELLED = VolumeNpy(
    folder="many", examples=EXAMPLES, classes=("normal", "abnormal"),
    table=VolumeTable(file="labels.csv", label="diagnosis", patient="patient"),
)  # fmt: skip
MIXED = VolumeNpy(
    folder="mixed", classes=("normal", "abnormal"), table=VolumeTable(file="mixed.csv", label="diagnosis"),
    examples=VolumeExamples(shape=(12, 12, 12), intensity="min_max", file_spacing_mm=(2.0, 1.0, 1.0)),
)  # fmt: skip


def by_id(dataset):
    return {record.record_id: record for record in dataset.records}


def test_each_row_of_a_class_file_is_a_record_of_that_class(tmp_path):
    write_knees(tmp_path / "knees")
    dataset = build_volume_npy(NO_TABLE, tmp_path)
    assert [record.record_id for record in dataset.records][7:9] == ["normal:7", "abnormal:0"]
    examples = dataset.make_examples(by_id(dataset)["abnormal:3"])
    assert examples.arrays["label"].tolist() == [1]
    assert examples.arrays["volume"].shape == (1, 12, 12, 12, 1)


def test_both_knees_of_a_patient_stay_in_one_part(tmp_path):
    write_knees(tmp_path / "knees", per_class=16)
    dataset = build_volume_npy(KNEES, tmp_path)
    index = prepare(dataset, tmp_path / "cache", BadRecordPolicy()).index
    splits = dataset.split(index, 0)
    assert len(np.unique(index["patient"])) == 16
    assert check_splits(index, splits, dataset.protocol).shared_patients == 0
    assert dataset.protocol.badges == ()


def test_without_a_table_of_patients_the_report_says_that_leakage_cannot_be_excluded(tmp_path):
    write_knees(tmp_path / "knees")
    assert build_volume_npy(NO_TABLE, tmp_path).protocol.badges == (NO_PATIENTS,)


def test_left_knees_are_mirrored_and_right_ones_are_not(tmp_path):
    write_knees(tmp_path / "knees")
    mirrored, plain = build_volume_npy(KNEES, tmp_path), build_volume_npy(NO_TABLE, tmp_path)
    for name, turned in (("normal:0", True), ("normal:1", False)):
        found = mirrored.make_examples(by_id(mirrored)[name]).arrays["volume"]
        stored = plain.make_examples(by_id(plain)[name]).arrays["volume"]
        np.testing.assert_array_equal(found, np.flip(stored, 1) if turned else stored)
    assert mirrored.notes == ("left volumes mirrored along their depth: 8 by the table",)


def test_a_folder_of_files_is_labelled_by_its_table(tmp_path):
    write_labelled_volumes(tmp_path / "many")
    dataset = build_volume_npy(LABELLED, tmp_path)
    assert [record.patient for record in dataset.records][:3] == ["p0", "p0", "p1"]
    assert dataset.make_examples(by_id(dataset)["v3"]).arrays["label"].tolist() == [1]


def test_a_large_file_is_hashed_once_for_all_its_volumes(tmp_path, monkeypatch):
    write_knees(tmp_path / "knees", per_class=40)
    hashed = []
    sha256 = hashlib.sha256
    monkeypatch.setattr("kerasmed.files.hashlib.sha256", lambda *data: hashed.append(data) or sha256(*data))
    fingerprint_of(build_volume_npy(NO_TABLE, tmp_path), BadRecordPolicy())
    assert len(hashed) < 10


def test_other_labels_make_another_set(tmp_path):
    folder = write_labelled_volumes(tmp_path / "many")
    before = fingerprint_of(build_volume_npy(LABELLED, tmp_path), BadRecordPolicy())
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace("v1,abnormal", "v1,normal"))
    assert fingerprint_of(build_volume_npy(LABELLED, tmp_path), BadRecordPolicy()) != before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("v1,abnormal", "v1,strange", "row 3: no known class"),
        ("v1,abnormal,p0", "v1,abnormal,", "row 3: no patient"),
        ("v1,abnormal", "v0,abnormal", "row 2: the volume of another row; row 3: the volume of another row"),
        ("v7,abnormal,p3\n", "", r"no row of 1 volumes \(v7\)"),
    ],
)
def test_a_faulty_table_is_refused_with_its_rows(tmp_path, old, new, reason):
    table = write_labelled_volumes(tmp_path / "many") / "labels.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DataError, match=reason):
        build_volume_npy(LABELLED, tmp_path)


def test_a_column_that_is_missing_is_named(tmp_path):
    write_labelled_volumes(tmp_path / "many")
    table = VolumeTable(file="labels.csv", label="diagnoses")
    with pytest.raises(UnknownNameError, match="diagnosis"):
        build_volume_npy(LABELLED.model_copy(update={"table": table}), tmp_path)


def test_a_bad_volume_is_left_out_alone(tmp_path):
    folder = write_knees(tmp_path / "knees")
    volumes = np.load(folder / "normal.npy")
    volumes[2] = 7
    np.save(folder / "normal.npy", volumes)
    prepared = prepare(build_volume_npy(NO_TABLE, tmp_path), tmp_path / "cache", BadRecordPolicy(max_rate=0.1))
    assert [item.record for item in prepared.quarantine] == ["normal:2"]
    assert len(prepared) == 15


def test_the_class_is_said_in_one_place():
    with pytest.raises(ValueError, match="said by files or by table"):
        VolumeNpy()
    with pytest.raises(ValueError, match="said by files or by table"):
        VolumeNpy(files=FILES, table=VolumeTable(file="a.csv", label="label"))


def test_a_volume_is_the_same_example_as_npy_as_nifti_and_as_dicom_series(tmp_path):
    write_mixed_volumes(tmp_path / "mixed")
    prepared = prepare(build_volume_npy(MIXED, tmp_path), tmp_path / "cache", BadRecordPolicy())
    volumes, labels = draw_volumes(9)
    stored = (prepared.arrays[name] for name in ("volume", "label"))
    found = {example.tobytes(): label for example, label in zip(*stored, strict=True)}
    for voxels, label in zip(volumes, labels, strict=True):
        low, high = int(voxels.min()), int(voxels.max())
        wanted = np.rint((voxels.astype(np.float32) - low) * np.float32(255 / (high - low))).astype(np.uint8)
        assert found[wanted.tobytes()] == label
    assert prepared.spec.recipe["voxel_mm"] == [2.0, 1.0, 1.0]


def test_volumes_with_other_voxels_are_told_of(tmp_path):
    write_mixed_volumes(tmp_path / "mixed")
    other = MIXED.examples.model_copy(update={"file_spacing_mm": (1.0, 1.0, 1.0)})
    assert UNLIKE in build_volume_npy(MIXED.model_copy(update={"examples": other}), tmp_path).notes
    resampled = MIXED.examples.model_copy(update={"spacing_mm": (1.0, 1.0, 1.0)})
    dataset = build_volume_npy(MIXED.model_copy(update={"examples": resampled}), tmp_path)
    assert UNLIKE not in dataset.notes
    assert dataset.spec.recipe["voxel_mm"] == [1.0, 1.0, 1.0]


def test_of_dicom_series_nothing_of_a_patient_is_told_and_patients_are_kept_apart(tmp_path):
    write_mixed_volumes(tmp_path / "mixed")
    dataset = build_volume_npy(MIXED, tmp_path)
    series = [record for record in dataset.records if record.record_id.startswith("series-")]
    assert sorted(record.patient for record in series) == ["patient-00001", "patient-00002", "patient-00003"]
    assert all(record.hidden for record in series)
    assert dataset.protocol.badges == ()
    assert dataset.notes == ("patients are known of 3 of 9 volumes; each other one counts as its own",)
    prepared = prepare(dataset, tmp_path / "cache", BadRecordPolicy())
    for path in (one for one in prepared.folder.rglob("*") if one.is_file()):
        assert b"ZZCANARY" not in path.read_bytes(), path.name


def test_a_series_that_says_it_is_of_the_left_side_is_mirrored(tmp_path):
    write_mixed_volumes(tmp_path / "mixed")
    mirrored = MIXED.examples.model_copy(update={"mirror_left": "width"})
    plain, turned = (
        build_volume_npy(MIXED.model_copy(update={"examples": one}), tmp_path) for one in (MIXED.examples, mirrored)
    )
    changed = [
        not np.array_equal(*(dataset.make_examples(record).arrays["volume"] for dataset in (plain, turned)))
        for record in plain.records
    ]
    assert sum(changed) == 2  # volumes 2 and 8 are series of the left side


def test_rows_without_a_volume_are_counted(tmp_path):
    folder = write_labelled_volumes(tmp_path / "many")
    (folder / "v0.npy").unlink()
    assert build_volume_npy(LABELLED, tmp_path).notes == ("rows of the table without a volume: 1",)


def test_sides_without_an_axis_to_mirror_along_are_refused():
    with pytest.raises(ValueError, match=r"write examples\.mirror_left"):
        VolumeNpy(files=FILES, table=VolumeTable(file="a.csv", side="side"))
