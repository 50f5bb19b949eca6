import numpy as np
import pytest
from PIL import Image

from kerasmed.data.readers.page_file import num_pages, read_all_pages, read_page_file
from kerasmed.errors import DataError


@pytest.fixture
def colours():
    """Two pages of 170 x 220 px: a red one and a green one."""
    pages = [Image.new("RGB", (220, 170), colour) for colour in ("red", "green")]
    pages[0].paste("blue", (0, 0, 110, 85))
    return pages


@pytest.fixture
def document(tmp_path, colours):
    """Both as a PDF of 2.2 x 1.7 inches."""
    path = tmp_path / "pages.pdf"
    colours[0].save(path, save_all=True, append_images=colours[1:], resolution=100, quality=100)
    return path


def test_each_page_of_a_document_is_drawn_at_200_dpi(document):
    first, second = read_all_pages(document)
    assert first.shape == second.shape == pytest.approx((340, 440, 3), abs=1)
    assert np.abs(first[10, 10].astype(int) - [0, 0, 255]).max() < 12
    assert np.abs(first[-10, -10].astype(int) - [255, 0, 0]).max() < 12
    assert np.abs(second[10, 10].astype(int) - [0, 128, 0]).max() < 12


def test_another_resolution_is_drawn_on_demand(document):
    assert read_page_file(document, 1, dpi=100).shape == pytest.approx((170, 220, 3), abs=1)


def test_a_picture_is_one_page(tmp_path, colours):
    colours[0].save(tmp_path / "page.png")
    assert num_pages(tmp_path / "page.png") == 1
    np.testing.assert_array_equal(read_page_file(tmp_path / "page.png"), np.asarray(colours[0]))


def test_a_page_that_is_not_there_is_refused(document):
    with pytest.raises(DataError, match=r"pages\.pdf: has 2 pages, and none numbered 3"):
        read_page_file(document, 2)


@pytest.mark.parametrize("content", [b"%PDF-1.7 and no more", b"no document", b""])
def test_what_is_no_document_is_refused_by_name(tmp_path, content):
    (tmp_path / "page.pdf").write_bytes(content)
    with pytest.raises(DataError, match=r"^page\.pdf"):
        num_pages(tmp_path / "page.pdf")


def test_a_page_as_large_as_a_wall_is_refused(document):
    with pytest.raises(DataError, match="50,000,000"):
        read_page_file(document, dpi=10_000)
