import struct
import zlib

import numpy as np
import pytest

from kerasmed.data.readers.picture import read_picture
from kerasmed.errors import DataError
from tests.fakes.pictures import draw, write_picture

pytest.importorskip("PIL")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path, width, height, rows, depth=8, colour=0):
    """A PNG whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packed = zlib.compress(rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


def test_a_png_gives_its_pixels(tmp_path):
    record = read_picture(write_picture(tmp_path / "a.png", draw()))
    np.testing.assert_array_equal(record.pixels, draw())
    assert (record.bits, record.mode, record.size, record.notes) == (8, "L", (48, 64), ())


def test_a_jpeg_gives_its_pixels_nearly(tmp_path):
    record = read_picture(write_picture(tmp_path / "a.jpeg", draw(), quality=95))
    assert np.abs(record.pixels.astype(int) - draw()).max() <= 3


def test_three_equal_channels_are_one(tmp_path):
    record = read_picture(write_picture(tmp_path / "a.png", np.repeat(draw()[..., None], 3, axis=-1)))
    np.testing.assert_array_equal(record.pixels, draw())
    assert record.notes == ("three equal channels, of which one was taken",)


def test_a_few_coloured_marks_are_weighted_to_grey_and_told(tmp_path):
    marked = np.repeat(draw()[..., None], 3, axis=-1)
    marked[:3, :3] = (255, 0, 0)
    record = read_picture(write_picture(tmp_path / "a.png", marked))
    assert record.pixels[0, 0] == 76
    assert "weighted to grey" in record.notes[0]


def test_a_picture_in_colour_is_refused(tmp_path):
    colours = np.stack([draw(seed=seed) for seed in range(3)], axis=-1)
    colours[..., 0] = 255 - colours[..., 0]
    with pytest.raises(DataError, match=r"^a\.png: is a picture in colour"):
        read_picture(write_picture(tmp_path / "a.png", colours))


@pytest.mark.parametrize("num_colours", [1, 3])
def test_an_opaque_alpha_channel_is_dropped_and_told(tmp_path, num_colours):
    channels = np.repeat(draw()[..., None], num_colours + 1, axis=-1)
    channels[..., -1] = 255
    record = read_picture(write_picture(tmp_path / "a.png", channels))
    np.testing.assert_array_equal(record.pixels, draw())
    assert "alpha channel" in record.notes[0]


def test_a_transparent_picture_is_refused(tmp_path):
    channels = np.repeat(draw()[..., None], 4, axis=-1)
    channels[..., -1] = 255
    channels[0, 0, -1] = 10
    with pytest.raises(DataError, match="is transparent in 1 pixels"):
        read_picture(write_picture(tmp_path / "a.png", channels))


def test_16_bits_are_kept(tmp_path):
    record = read_picture(write_picture(tmp_path / "a.png", draw(bits=16)))
    np.testing.assert_array_equal(record.pixels, draw(bits=16))
    assert (record.bits, record.stored_bits) == (16, 16)


def test_12_bits_in_a_16_bit_file_fill_the_range_and_it_is_told(tmp_path):
    record = read_picture(write_picture(tmp_path / "a.png", draw(bits=12)))
    np.testing.assert_allclose(record.pixels / 65535, draw(bits=12) / 4095, atol=1e-4)
    assert record.stored_bits == 12
    assert record.notes == ("values of a 16-bit file fit 12 bits and were taken as such",)


def test_a_picture_lying_down_is_turned_as_exif_says(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    record = read_picture(write_picture(tmp_path / "a.png", draw(), exif=exif))
    np.testing.assert_array_equal(record.pixels, np.rot90(draw(), -1))
    assert record.notes == ("turned as its EXIF orientation says",)


def test_a_png_that_ends_early_is_refused_though_pillow_shows_it(tmp_path):
    path = png(tmp_path / "a.png", 64, 64, b"".join(b"\0" + bytes(range(64)) for _ in range(10)))
    with pytest.raises(DataError, match="holds 650 of 4160 bytes"):
        read_picture(path)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_file_that_was_cut_is_refused(tmp_path, suffix, share):
    path = write_picture(tmp_path / f"a.{suffix}", draw(200, 200))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"ends early|is damaged|is no PNG"):
        read_picture(path)


def test_an_interlaced_png_is_measured_rightly(tmp_path):
    passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
    pixels = draw(11, 13)
    rows = b"".join(b"\0" + row.tobytes() for x, dx, y, dy in passes for row in pixels[y::dy, x::dx])
    path = png(tmp_path / "a.png", 13, 11, rows)
    content = bytearray(path.read_bytes())
    content[28] = 1  # interlace method of IHDR
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    np.testing.assert_array_equal(read_picture(path).pixels, pixels)


def test_a_picture_of_more_than_50_megapixels_is_refused_before_it_is_decoded(tmp_path):
    with pytest.raises(DataError, match=r"is 100000 x 100000 pixels large; at most 50,000,000"):
        read_picture(png(tmp_path / "a.png", 100_000, 100_000, b"\0"))


def test_a_png_that_unpacks_to_more_than_its_header_says_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds more than its of 72 bytes"):
        read_picture(png(tmp_path / "a.png", 8, 8, bytes(10_000_000)))


@pytest.mark.parametrize(
    "content", [b"", b"<svg/>", b"SIMPLE  =  T", b"%!PS-Adobe", b"8BPS", b"\xff\xd8\xff", b"GIF89a"]
)
def test_any_other_file_is_refused_whatever_its_suffix(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"^a\.png: is (no PNG or JPEG|0 bytes)"):
        read_picture(tmp_path / "a.png")


def test_a_folder_or_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no file"):
        read_picture(tmp_path)
    with pytest.raises(DataError, match="is no file"):
        read_picture(tmp_path / "a.png")


def test_a_picture_of_one_value_is_refused(tmp_path):
    with pytest.raises(DataError, match="every pixel has the value 7"):
        read_picture(write_picture(tmp_path / "a.png", np.full((20, 20), 7, np.uint8)))


def test_a_bilevel_picture_is_refused_by_its_mode(tmp_path):
    from PIL import Image

    Image.fromarray(draw() > 99).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="is a picture of mode 1"):
        read_picture(tmp_path / "a.png")


def test_a_large_jpeg_is_decoded_small_and_still_told_in_its_size(tmp_path):
    path = write_picture(tmp_path / "a.jpg", draw(1600, 1200), quality=95)
    small, whole = read_picture(path, at_least=(200, 200)), read_picture(path)
    assert small.pixels.shape == (400, 300)
    assert small.size == whole.size == (1200, 1600)
    assert np.abs(small.pixels.astype(int) - whole.pixels.reshape(400, 4, 300, 4).mean(axis=(1, 3))).max() < 6


def test_the_name_given_is_the_one_told(tmp_path):
    (tmp_path / "Jane Doe.png").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        read_picture(tmp_path / "Jane Doe.png", "picture-1")
    assert "Jane" not in str(caught.value)


def test_truncated_files_of_fracatlas_are_found(data_root):
    folder = data_root / "fracatlas" / "images"
    if not folder.is_dir():
        pytest.skip(f"no FracAtlas: {folder} is missing")
    paths = sorted(folder.rglob("*.jpg"))[:240]
    bad = {path.stem for path in paths if not _reads(path)}
    assert bad >= {"IMG0004119", "IMG0004134", "IMG0004177"} & {path.stem for path in paths}
    assert len(bad) < 0.03 * len(paths)


def _reads(path):
    try:
        read_picture(path)
    except DataError:
        return False
    return True


def test_no_bytes_make_anything_but_a_data_error(tmp_path):
    rng, messages = np.random.default_rng(0), []
    whole = {}
    for suffix in ("png", "jpg"):
        whole[suffix] = write_picture(tmp_path / f"a.{suffix}", draw()).read_bytes()
    for trial in range(200):
        suffix = ("png", "jpg")[trial % 2]
        content = bytearray(whole[suffix])
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        (tmp_path / "b").write_bytes(content)
        try:
            read_picture(tmp_path / "b")
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert not any("\n" in message for message in messages)
