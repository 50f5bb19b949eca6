import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.page_crops import EcgPageSet
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.errors import DataError
from tests.fakes.ecg_pages import CROPS, write_pages

CONFIG = EcgPageSet(examples=CROPS, validation_rate=0.2, test_rate=0.2)


@pytest.fixture
def root(tmp_path):
    write_pages(tmp_path / "ecg_pages")
    return tmp_path


def change_table(root, old, new):
    path = root / "ecg_pages" / "pages.csv"
    path.write_text(path.read_text().replace(old, new, 1))


def test_pages_are_split_by_who_was_recorded(root):
    dataset = build(CONFIG, root)
    index = prepare(dataset, root / "cache", BadRecordPolicy()).index
    splits = dataset.split(index, 0)
    parts = [set(index["patient"][rows]) for rows in (splits.train, splits.validation, splits.test)]
    assert not set.intersection(*parts)
    assert sum(map(len, parts)) == 6
    assert {"layout", "look"} == set(dataset.subgroups)


def test_fewer_pages_can_be_asked_for(root):
    assert len(build(CONFIG.model_copy(update={"max_pages": 3}), root).records) == 3


def test_masks_are_kept_once_and_not_in_the_index(root):
    prepared = prepare(build(CONFIG, root), root / "cache", BadRecordPolicy())
    assert not {"seg", "grid", "baseline", "signal"} & set(prepared.index)
    assert prepared.arrays["seg"].shape == (12, 32, 64, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("px_per_mm", "scale", "lacks one of the columns"),
        (",4.0,", ",wide,", "P00000: px_per_mm is 'wide', which is no number"),
        (",4.0,", ",4000,", "pages have between 0.5 and 100"),
        ("images/P00000.png", "../P00000.png", "lies outside its folder"),
        ("P00000,", "../../P,", "lies outside its folder"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(root, old, new, said):
    change_table(root, old, new)
    with pytest.raises(DataError, match=said):
        build(CONFIG, root)


def test_a_folder_without_a_table_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="kerasmed data simulate ecg_pages writes such a folder"):
        build(CONFIG, tmp_path)


@pytest.mark.parametrize("fault", ["picture", "truth", "size", "lacking"])
def test_a_page_that_cannot_be_used_is_refused_by_name(root, fault):
    image, truth = (root / "ecg_pages" / part / f"P00000{end}" for part, end in (("images", ".png"), ("truth", ".npz")))
    if fault in ("picture", "truth"):
        broken = image if fault == "picture" else truth
        broken.write_bytes(broken.read_bytes()[:200])
    else:
        with np.load(truth) as stored:
            arrays = dict(stored)
        if fault == "size":
            arrays["grid"] = arrays["grid"][:-1]
        else:
            del arrays["trace_y"]
        np.savez(truth, **arrays)
    dataset = build(CONFIG, root)
    with pytest.raises(DataError, match="P00000"):
        dataset.make_examples(dataset.records[0])
