import io
import zipfile

import numpy as np
import pytest

from kerasmed.config.dataset import ImageExamples, MedMnist
from kerasmed.data.readers.npz import read_arrays
from kerasmed.data.sources.medmnist import build_medmnist
from kerasmed.errors import DataError
from tests.fakes.image_folders import write_medmnist
from tests.fakes.pictures import draw


def test_each_array_is_a_part_and_every_picture_a_patient(tmp_path):
    write_medmnist(tmp_path / "medmnist")
    dataset = build_medmnist(MedMnist(), tmp_path)
    examples = dataset.make_examples(dataset.records[1])
    assert [record.record_id for record in dataset.records] == ["train", "validation", "test"]
    assert examples.index["id"][:2].tolist() == ["validation:0", "validation:1"]
    np.testing.assert_array_equal(examples.arrays["image"][0, ..., 0], draw(28, 28, label=0, seed=100))
    assert examples.arrays["label"].tolist() == [0, 1] * 6
    assert dataset.protocol.judged_on == "test"


def test_without_test_arrays_the_report_says_that_val_judged(tmp_path):
    write_medmnist(tmp_path / "medmnist", ("train", "val"))
    dataset = build_medmnist(MedMnist(), tmp_path)
    assert dataset.protocol.judged_on == "validation"
    assert dataset.notes == ("pneumoniamnist.npz holds no test arrays: judged on val",)


def test_pictures_can_be_enlarged(tmp_path):
    write_medmnist(tmp_path / "medmnist")
    dataset = build_medmnist(MedMnist(examples=ImageExamples(height=64, width=64)), tmp_path)
    assert dataset.make_examples(dataset.records[2]).arrays["image"].shape == (12, 64, 64, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_images": np.zeros((12, 28, 28, 28), np.uint8)}, r"train_images is uint8 \(12, 28, 28, 28\)"),
        ({"train_images": np.zeros((12, 28, 28, 3), np.uint8)}, r"train_images is uint8 \(12, 28, 28, 3\)"),
        ({"val_labels": np.zeros((11, 1), np.uint8)}, r"val_labels is uint8 \(11, 1\)"),
        ({"test_labels": np.zeros((12, 14), np.uint8)}, r"test_labels is uint8 \(12, 14\)"),
        ({"train_images": np.zeros((12, 28, 28))}, "train_images is float64"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, changes, reason):
    write_medmnist(tmp_path / "medmnist", **changes)
    with pytest.raises(DataError, match=reason):
        build_medmnist(MedMnist(), tmp_path)


def test_a_label_that_is_no_class_is_refused(tmp_path):
    write_medmnist(tmp_path / "medmnist", val_labels=np.full((12, 1), 7, np.uint8))
    dataset = build_medmnist(MedMnist(), tmp_path)
    with pytest.raises(DataError, match="val_labels holds 7; classes are 2"):
        dataset.make_examples(dataset.records[1])


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz: is no \.npz file, or is missing"):
        build_medmnist(MedMnist(), tmp_path)


def member(dtype, shape, body):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    )
    return content.getvalue() + body


BAD = {
    "objects": member("O", (2,), bytes(16)),
    "a shape without a body": member("u1", (2**29,), b""),
    "a negative axis": member("u1", (-1, 4), b"1234"),
    "too short": member("u1", (10,), b"123"),
    "complex": member("c8", (1,), bytes(8)),
    "no array": b"\x80\x04cos\nsystem",
    "a header that runs code": b"\x93NUMPY\x01\x00\x20\x00__import__('os').system('true') \n",
}


@pytest.mark.parametrize("content", BAD.values(), ids=list(BAD))
def test_a_member_that_is_no_plain_array_is_refused_from_its_header(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(DataError, match=r"^a\.npz: array a"):
        read_arrays(tmp_path / "a.npz", ["a"])


def test_an_archive_that_unpacks_to_more_than_4_gib_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member("u1", (10,), bytes(10)))
        archive.filelist[0].file_size = 5 * 1024**3
    with pytest.raises(DataError, match="unpacks to 5,368,709,120 bytes"):
        read_arrays(tmp_path / "a.npz", ["a"])


@pytest.mark.parametrize("names", [["a.npy", "../b.npy.txt"], ["a.npy", "a.npy"]])
def test_an_archive_with_anything_else_is_refused(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in names:
            if name in archive.namelist():
                with pytest.warns(UserWarning, match="Duplicate"):
                    archive.writestr(name, member("u1", (1,), b"1"))
            else:
                archive.writestr(name, member("u1", (1,), b"1"))
    with pytest.raises(DataError, match="something else than arrays, each once"):
        read_arrays(tmp_path / "a.npz", ["a"])


def test_a_file_that_was_cut_or_changed_is_refused(tmp_path):
    path = write_medmnist(tmp_path)
    content = bytearray(path.read_bytes())
    content[200] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_arrays(path, ["train_images"])
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"is no \.npz file"):
        read_arrays(path, ["train_images"])


def test_the_real_file_without_test_arrays_is_judged_on_val(data_root):
    if not (data_root / "medmnist" / "pneumoniamnist.npz").is_file():
        pytest.skip("no PneumoniaMNIST")
    dataset = build_medmnist(MedMnist(), data_root)
    assert dataset.protocol.judged_on == "validation"
    assert len(dataset.make_examples(dataset.records[1]).arrays["label"]) == 524
