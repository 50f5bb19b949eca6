import warnings

import numpy as np
import pytest

from kerasmed.data.readers.dicom import patient_key, read_dicom
from kerasmed.errors import DataError
from tests.fakes.pictures import CANARY, draw, write_dicom

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("pylibjpeg")


def only(path, window="file"):
    (record,) = read_dicom(path, "d", window)
    return record


def written(folder, pixels=None, **options):
    return write_dicom(folder / "a.dcm", draw() if pixels is None else pixels, **options)


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "rle", "j2k"])
def test_lossless_syntaxes_give_the_pixels(tmp_path, syntax):
    np.testing.assert_array_equal(only(written(tmp_path, syntax=syntax)).pixels, draw())


def test_jpeg_gives_the_pixels_nearly(tmp_path):
    assert np.abs(only(written(tmp_path, syntax="jpeg")).pixels.astype(int) - draw()).max() <= 3


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", ["explicit", "j2k", "rle"])
def test_deeper_pixels_fill_16_bits(tmp_path, bits, syntax):
    record = only(written(tmp_path, draw(bits=bits), syntax=syntax, bits=bits))
    assert (record.bits, record.stored_bits) == (16, bits)
    np.testing.assert_allclose(record.pixels / 65535, draw(bits=bits) / (2**bits - 1), atol=1e-4)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_monochrome1_of_a_picture_is_the_picture(tmp_path, bits):
    stored, negative = draw(bits=bits), (2**bits - 1 - draw(bits=bits)).astype(draw(bits=bits).dtype)
    plain = only(write_dicom(tmp_path / "2.dcm", stored, bits=bits))
    turned = only(write_dicom(tmp_path / "1.dcm", negative, bits=bits, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(turned.pixels, plain.pixels)
    assert turned.notes == ("MONOCHROME1: turned over, so that denser is brighter",)


def test_rescale_and_window_are_applied_in_this_order(tmp_path):
    stored = draw(bits=12)
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 1000, "WindowWidth": 2001}
    record = only(written(tmp_path, stored, bits=12, **tags))
    values = stored * 2.0 - 1000
    expected = np.clip((values - 999.5) / 2000 + 0.5, 0, 1)  # PS3.3 C.11.2.1.2.1
    np.testing.assert_allclose(record.pixels / 65535, expected, atol=1e-4)
    assert record.notes == ("rescaled by 2 x + -1000", "window of the file, centre 1000, width 2001")


def test_window_full_shows_every_value(tmp_path):
    tags = {"WindowCenter": 100, "WindowWidth": 10, "RescaleSlope": 1, "RescaleIntercept": 0}
    record = only(written(tmp_path, **tags), window="full")
    np.testing.assert_array_equal(record.pixels, draw())


def test_of_several_windows_the_first_is_taken(tmp_path):
    one = only(write_dicom(tmp_path / "a.dcm", draw(), WindowCenter=100, WindowWidth=50))
    several = only(write_dicom(tmp_path / "b.dcm", draw(), WindowCenter=[100, 7], WindowWidth=[50, 9]))
    np.testing.assert_array_equal(one.pixels, several.pixels)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_the_other_window_functions_are_those_of_the_standard(tmp_path, function):
    record = only(written(tmp_path, WindowCenter=120, WindowWidth=80, VOILUTFunction=function))
    x = (draw().astype(float) - 120) / 80
    expected = np.clip(x + 0.5, 0, 1) if function == "LINEAR_EXACT" else 1 / (1 + np.exp(-4 * x))
    np.testing.assert_allclose(record.pixels / 255, expected, atol=0.003)


def test_the_window_agrees_with_pydicom(tmp_path):
    from pydicom.pixels import apply_windowing

    path = written(tmp_path, draw(bits=12), bits=12, WindowCenter=1500, WindowWidth=1000)
    theirs = apply_windowing(draw(bits=12), pydicom.dcmread(path))
    np.testing.assert_allclose(only(path).pixels / 65535, theirs / 4095, atol=1e-4)


def lut(values, first, bits):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(values), first, bits])
    item.add_new("LUTData", "US", list(values))
    return [item]


def test_a_voi_lut_is_looked_up(tmp_path):
    table = [4095 - 16 * value for value in range(256)]
    record = only(written(tmp_path, VOILUTSequence=lut(table, 0, 12), WindowCenter=5, WindowWidth=5))
    np.testing.assert_allclose(record.pixels / 255, np.array(table)[draw()] / 4095, atol=0.003)


def test_a_modality_lut_is_looked_up_first(tmp_path):
    record = only(written(tmp_path, ModalityLUTSequence=lut([255 - value for value in range(256)], 0, 8)))
    np.testing.assert_array_equal(record.pixels, 255 - draw())


def test_signed_pixels_are_shown_from_the_least_to_the_largest(tmp_path):
    signed = (draw(bits=12).astype(np.int16) - 2048).astype(np.int16)
    record = only(written(tmp_path, signed, bits=12))
    np.testing.assert_allclose(record.pixels / 65535, draw(bits=12) / 4095, atol=1e-4)


def test_padding_is_black_in_monochrome1_too(tmp_path):
    stored = draw()
    stored[:5] = 0
    record = only(written(tmp_path, stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0))
    assert record.pixels[:5].max() == 0


@pytest.mark.parametrize("syntax", ["explicit", "rle", "j2k"])
def test_every_frame_is_a_record(tmp_path, syntax):
    frames = np.stack([draw(seed=seed) for seed in range(3)])
    records = read_dicom(written(tmp_path, frames, syntax=syntax), "d")
    assert [record.record_id for record in records] == ["d:1", "d:2", "d:3"]
    np.testing.assert_array_equal(np.stack([record.pixels for record in records]), frames)


def test_12_bits_that_a_file_calls_16_fill_the_range(tmp_path):
    record = only(written(tmp_path, draw(bits=12), bits=16))
    np.testing.assert_allclose(record.pixels / 65535, draw(bits=12) / 4095, atol=1e-4)
    assert record.notes == ("values of a 16-bit file fit 12 bits and were taken as such",)


def test_12_bits_that_a_file_calls_16_are_turned_over_within_12(tmp_path):
    negative = 4095 - draw(bits=12)
    negative[:5] = 65535
    tags = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 65535}
    record = only(written(tmp_path, negative, bits=16, **tags))
    np.testing.assert_allclose(record.pixels[5:] / 65535, draw(bits=12)[5:] / 4095, atol=1e-4)
    assert record.pixels[:5].max() == 0


BAD = {
    "deflated": ({"syntax": "deflated"}, r"stored in a way that is not read \(1\.2\.840\.10008\.1\.2\.1\.99\)"),
    "more rows": ({"Rows": 65}, "holds 3,072 bytes of pixels instead of 3,120"),
    "bomb": ({"Rows": 65535, "Columns": 65535}, "is 65535 x 65535 pixels large"),
    "frames": ({"NumberOfFrames": 2_000_000_000}, "declares 2000000000 frames"),
    "many frames": ({"NumberOfFrames": 1999}, "instead of"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "is neither MONOCHROME1"),
    "no photometric": ({"PhotometricInterpretation": None}, "is neither MONOCHROME1"),
    "bits": ({"BitsStored": 9}, "has 9 of 8 bits a pixel"),
    "high bit": ({"HighBit": 3}, "bit 3 highest"),
    "slope": ({"RescaleSlope": 0, "RescaleIntercept": 1}, "rescale slope of 0"),
    "window": ({"WindowCenter": 5, "WindowWidth": 0}, "window of width 0"),
    "function": ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": CANARY[:16]}, "not in the standard"),
    "flat": ({"pixels": np.full((20, 20), 3, np.uint8)}, "shows nothing"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_trusted_is_refused_by_name(tmp_path, fault):
    options, reason = BAD[fault]
    path = written(tmp_path, **options)
    with pytest.raises(DataError, match=reason) as caught:
        read_dicom(path, "d")
    assert str(caught.value).startswith("d: ")
    assert "ZZCANARY" not in str(caught.value)


@pytest.mark.parametrize("syntax", ["jpeg", "j2k"])
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(tmp_path, syntax):
    with pytest.raises(DataError, match="but its compressed picture is 48 x 64"):
        read_dicom(written(tmp_path, syntax=syntax, Rows=32), "d")


def test_a_colour_dicom_is_refused_and_a_grey_one_in_three_channels_read(tmp_path):
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    grey = np.repeat(draw()[..., None], 3, axis=-1)
    size = {"Rows": 64, "Columns": 48, "NumberOfFrames": 1}
    np.testing.assert_array_equal(only(written(tmp_path, grey, **tags, **size)).pixels, draw())
    grey[..., 0] = 255 - grey[..., 0]
    with pytest.raises(DataError, match="is a picture in colour"):
        only(written(tmp_path, grey, **tags, **size))


def test_a_file_that_is_no_dicom_is_refused(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"MZ" + bytes(200))
    with pytest.raises(DataError, match="the mark DICM is missing"):
        read_dicom(tmp_path / "a.dcm", "d")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("syntax", ["explicit", "rle", "j2k", "jpeg"])
def test_a_file_that_was_cut_is_refused_in_one_line(tmp_path, syntax, share):
    path = written(tmp_path, syntax=syntax)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError) as caught:
        read_dicom(path, "d")
    assert "\n" not in str(caught.value)


def test_no_bytes_make_anything_but_a_data_error_without_a_word_of_the_file(tmp_path, capfd):
    rng, messages = np.random.default_rng(1), []
    for syntax in ("explicit", "j2k", "rle"):
        whole = written(tmp_path, syntax=syntax).read_bytes()
        for _ in range(60):
            content = bytearray(whole)
            for place in rng.integers(128, min(len(content), 1200), 4):
                content[place] = rng.integers(256)
            (tmp_path / "b.dcm").write_bytes(content)
            try:
                read_dicom(tmp_path / "b.dcm", "d")
            except DataError as error:
                messages.append(str(error))
    said = capfd.readouterr()
    assert len(messages) > 20
    assert "ZZCANARY" not in said.out + said.err + "".join(messages)


def test_files_of_a_patient_have_the_same_key_which_is_not_their_id(tmp_path):
    paths = [write_dicom(tmp_path / f"{number}.dcm", draw(), PatientID=f"P{number // 2}") for number in range(4)]
    keys = [patient_key(path, "d") for path in paths]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert b"P0" not in keys[0]
    assert patient_key(write_dicom(tmp_path / "n.dcm", draw(), PatientID=""), "d") is None


def test_values_that_break_the_standard_are_not_told(tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = written(tmp_path, StudyInstanceUID=f"no uid {CANARY}", AccessionNumber=CANARY * 9)
    only(path)
    said = capfd.readouterr()
    assert "ZZCANARY" not in said.out + said.err


@pytest.fixture
def real(data_root):
    folder = data_root / "dicom_cxr"
    if not folder.is_dir():
        pytest.skip(f"no DICOM radiographs: {folder} is missing")
    return folder


def test_the_real_radiograph_tagged_monochrome1_is_the_other_turned_over(real):
    # Its stored values are those of the other: with the tag of a negative they must be shown as one.
    plain = only(real / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    tagged = only(real / "Fake_MONOHR1.dcm")
    np.testing.assert_array_equal(tagged.pixels, 255 - plain.pixels)


def test_a_real_tibia_of_10_bits_in_jpeg_2000_has_bright_bone_on_black(real):
    record = only(real / "RG3_J2KR.dcm")
    assert (record.stored_bits, record.pixels.shape) == (10, (1760, 1760))
    assert record.pixels[:200, 500:600].mean() < 0.2 * 65535 < record.pixels[1200:1500, 820:900].mean()
