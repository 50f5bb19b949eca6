import numpy as np
import pytest

from kerasmed.data.image_hash import NEAR_BITS, connect, near_pairs, picture_hash
from kerasmed.data.readers.picture import read_picture
from kerasmed.data.resize import fit_into, to_depth
from tests.fakes.pictures import draw, write_picture


def apart(first, second):
    return int(np.bitwise_count(picture_hash(first) ^ picture_hash(second)).sum())


def test_a_picture_resized_and_compressed_anew_is_known_again(tmp_path):
    picture = draw(400, 300)
    small = fit_into(picture, 100, 75)
    packed = read_picture(write_picture(tmp_path / "a.jpg", picture, quality=60)).pixels
    assert apart(picture, small) <= NEAR_BITS
    assert apart(picture, packed) <= NEAR_BITS
    assert apart(picture, to_depth(picture, 16)) <= NEAR_BITS


def test_other_pictures_are_told_apart():
    assert min(apart(draw(seed=0), draw(seed=seed)) for seed in range(1, 20)) > NEAR_BITS


def test_pairs_are_those_of_a_plain_comparison_across_blocks():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (1100, 4), dtype=np.uint64)
    hashes[1000] = hashes[3] ^ np.array([7, 0, 0, 1], np.uint64)
    hashes[513] = hashes[512]
    assert near_pairs(hashes, 4).tolist() == [[3, 1000], [512, 513]]
    assert near_pairs(hashes, 3).tolist() == [[512, 513]]
    assert near_pairs(hashes[:0], 3).shape == (0, 2)


def test_rows_are_connected_over_others_and_an_empty_name_connects_nothing():
    names = np.array(["a", "b", "a", "", "", "c"])
    groups = connect(6, names, np.array([[1, 2]]))
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups.tolist())) == 4


def test_real_radiographs_of_both_sizes_are_known_again(data_root):
    small, large = data_root / "chest_xray" / "train", data_root / "chest_xray_fullres"
    if not small.is_dir() or not large.is_dir():
        pytest.skip("no chest X-rays in both sizes")
    pairs = [(path, small / path.parent.name / path.name) for path in sorted(large.rglob("*.jpeg"))]
    pixels = [[read_picture(path).pixels for path in pair] for pair in pairs if pair[1].is_file()]
    assert max(apart(*pair) for pair in pixels) <= NEAR_BITS
    assert min(apart(pixels[0][0], other[1]) for other in pixels[1:]) > NEAR_BITS
