import pytest

from kerasmed.data.image_tree import find_images
from kerasmed.errors import DataError


@pytest.fixture
def tree_of(tmp_path):
    def make(*paths):
        for path in paths:
            (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / path).write_bytes(b"x")
        return find_images(tmp_path / "set")

    return make


def described(tree):
    return [(image.part, image.label) for image in tree.images]


def test_class_folders_name_the_class(tree_of):
    tree = tree_of("Normal/a.jpg", "Fractured/b.PNG")
    assert (tree.layout, tree.labels) == ("class folders", ("Fractured", "Normal"))


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "Validation", "TESTING"), ("train", "dev", "test")]
)
def test_part_folders_name_the_part(tree_of, names):
    tree = tree_of(*(f"{name}/N/a.jpg" for name in names))
    assert tree.layout == "part folders"
    assert tree.parts == ("train", "validation", "test")
    assert tree.labels == ("N",)


def test_parts_beside_class_folders_are_mixed(tree_of):
    tree = tree_of("train/N/a.jpg", "N/b.jpg")
    assert tree.layout == "mixed"
    assert described(tree) == [("", "N"), ("train", "N")]


def test_a_folder_around_everything_says_nothing(tree_of):
    tree = tree_of("images/Fractured/a.jpg", "images/Non_fractured/b.jpg", "dataset.csv")
    assert tree.labels == ("Fractured", "Non_fractured")
    assert tree.other == {".csv": 1}


def test_the_only_class_folder_is_still_a_class(tree_of):
    assert described(tree_of("Normal/a.jpg", "Normal/b.jpg")) == [("", "Normal")] * 2


def test_folders_below_the_class_are_the_owners_own(tree_of):
    assert described(tree_of("N/patient 1/a.dcm", "S/x/y/b.dcm")) == [("", "N"), ("", "S")]


def test_pictures_of_no_folder_have_no_class(tree_of):
    tree = tree_of("a.jpg", "b.jpg")
    assert (tree.layout, tree.labels) == ("flat", ())


def test_hidden_files_and_metadata_of_archives_are_passed_over(tree_of):
    assert len(tree_of("N/a.jpg", "N/._a.jpg", "__MACOSX/N/a.jpg", ".cache/b.jpg", "S/c.jpg").images) == 2


def test_a_link_out_of_the_folder_is_not_followed(tree_of, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    tree_of("N/a.jpg")
    (tmp_path / "set" / "N" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    tree = tree_of("N/b.jpg")
    assert (len(tree.images), tree.outside) == (2, 1)


def test_a_folder_without_pictures_is_refused(tree_of):
    with pytest.raises(DataError, match=r"holds no picture \(\.jpg"):
        tree_of("a.txt")
