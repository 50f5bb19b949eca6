"""Volumes of MedMNIST: their parts, what is refused, and the numbers that others published."""

import numpy as np
import pytest

from kerasmed.config.volumes import MedMnist3D, VolumeExamples
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.sources.medmnist_3d import NO_PATIENTS, build_medmnist_3d
from kerasmed.errors import DataError
from tests.fakes.volumes import write_medmnist_3d

SMALL = MedMnist3D(examples=VolumeExamples(shape=(12, 12, 12), intensity="full"))


def test_each_part_becomes_volumes_with_the_labels_of_the_file(tmp_path):
    path = write_medmnist_3d(tmp_path / "medmnist")
    dataset = build_medmnist_3d(SMALL, tmp_path)
    examples = dataset.make_examples(dataset.records[2])
    with np.load(path) as file:
        np.testing.assert_array_equal(examples.arrays["volume"][..., 0], file["test_images"])
        np.testing.assert_array_equal(examples.arrays["label"], file["test_labels"][:, 0])
    assert examples.index["id"][:2].tolist() == ["test:0", "test:1"]


def test_without_test_arrays_validation_judges_and_the_report_says_so(tmp_path):
    write_medmnist_3d(tmp_path / "medmnist", parts=("train", "val"))
    dataset = build_medmnist_3d(SMALL, tmp_path)
    assert dataset.protocol.judged_on == "validation"
    assert dataset.protocol.badges == (NO_PATIENTS, SELF_JUDGED)
    assert dataset.notes == ("adrenalmnist3d_64.npz holds no test arrays: judged on val",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_images": np.zeros((12, 28, 28), np.uint8)}, r"train_images is uint8 \(12, 28, 28\)"),
        ({"train_images": np.zeros((12, 8, 8, 8))}, "train_images is float64"),
        ({"val_labels": np.zeros((11, 1), np.uint8)}, r"val_labels is uint8 \(11, 1\)"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, changes, reason):
    write_medmnist_3d(tmp_path / "medmnist", **changes)
    with pytest.raises(DataError, match=reason):
        build_medmnist_3d(SMALL, tmp_path)


def test_a_label_that_is_no_class_is_refused(tmp_path):
    write_medmnist_3d(tmp_path / "medmnist", val_labels=np.full((12, 1), 7, np.uint8))
    dataset = build_medmnist_3d(SMALL, tmp_path)
    with pytest.raises(DataError, match="val_labels holds 7; classes are 2"):
        dataset.make_examples(dataset.records[1])


def test_the_real_file_opens_with_its_volumes(data_root):
    if not (data_root / "medmnist" / "adrenalmnist3d_64.npz").is_file():
        pytest.skip("needs medmnist/adrenalmnist3d_64.npz")
    dataset = build_medmnist_3d(MedMnist3D(examples=VolumeExamples(shape=(32, 32, 32), intensity="full")), data_root)
    validation = next(record for record in dataset.records if record.record_id == "validation")
    examples = dataset.make_examples(validation)
    assert examples.arrays["volume"].shape == (98, 32, 32, 32, 1)
    assert set(np.unique(examples.arrays["label"])) == {0, 1}


def test_the_published_numbers_are_those_of_this_file_only(tmp_path):
    path = write_medmnist_3d(tmp_path / "medmnist")
    published = {work.work: work.metrics for work in build_medmnist_3d(SMALL, tmp_path).protocol.published}
    assert published["ResNet-18 + 3D"] == {"macro_auc": 0.827, "accuracy": 0.721}
    path.rename(path.with_name("other.npz"))
    assert build_medmnist_3d(SMALL.model_copy(update={"file": "other.npz"}), tmp_path).protocol.published == ()
